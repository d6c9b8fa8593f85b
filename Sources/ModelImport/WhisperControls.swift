import Foundation
import Whisper

/// What every Whisper model has and some formats leave out: the control tokens in their order, and the settings of decoding that
/// OpenAI's own program computes (openai/whisper, tokenizer.py and decoding.py).
enum WhisperControls {
  /// In the order of their tokens; `yue` came with large-v3.
  static let languages =
    ("en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi ml cy sk te "
    + "fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps "
    + "tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue").split(separator: " ").map(
      String.init)

  /// Names for the ids that `tokenizer` leaves out, by their place behind the plain tokens.
  static func completing(_ tokenizer: ByteLevelTokenizer, count: Int) -> ByteLevelTokenizer {
    let first =
      tokenizer.control("<|endoftext|>") ?? (tokenizer.controlNames.keys.min() ?? tokenizer.count)
    // End of text, start, six more, and the timestamps.
    let languageCount = count - first - 8 - WhisperTokens.timestampCount
    guard (1...languages.count).contains(languageCount) else { return tokenizer }
    let names =
      ["<|endoftext|>", "<|startoftranscript|>"]
      + languages.prefix(languageCount).map { "<|\($0)|>" } + [
        "<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>",
        "<|notimestamps|>",
      ]
      + (0..<WhisperTokens.timestampCount).map { String(format: "<|%.2f|>", Double($0) * 0.02) }
    var controls = tokenizer.controlNames
    for (i, name) in names.enumerated() where controls[first + i] == nil {
      if !tokenizer.tokens.indices.contains(first + i) || tokenizer.tokens[first + i].isEmpty {
        controls[first + i] = name
      }
    }
    var tokens = tokenizer.tokens
    tokens += [[UInt8]](repeating: [], count: max(0, count - tokens.count))
    return ByteLevelTokenizer(tokens: tokens, controlNames: controls, merges: tokenizer.merges)
  }

  /// Symbols that are not speech, and control tokens that are never written.
  static func suppressedTokens(_ tokenizer: ByteLevelTokenizer, _ tokens: WhisperTokens) -> [Int] {
    var found = Set(
      [
        tokens.startOfTranscript, tokens.translate, tokens.transcribe, tokens.startOfPrevious,
        tokens.noSpeech, tokenizer.control("<|startoflm|>"),
      ].compactMap { $0 })
    for text in [" -", " '"] {
      if let token = tokenizer.encode(text).first { found.insert(token) }
    }
    let notes = ["♩", "♪", "♫", "♬", "♭", "♮", "♯"]
    let symbols =
      "\"#()*+/:;<=>@[\\]^_`{|}~「」『』".map(String.init)
      + "<< >> <<< >>> -- --- -( -[ (' (\" (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪".split(separator: " ")
      .map(String.init)
    for symbol in symbols + notes {
      for text in [symbol, " " + symbol] {
        let ids = tokenizer.encode(text)
        // A note is several tokens, and its first begins nothing else.
        if ids.count == 1 || notes.contains(symbol), let id = ids.first { found.insert(id) }
      }
    }
    return found.sorted()
  }

  /// A transcript does not begin with a lone space, nor with its end.
  static func suppressedFirstTokens(_ tokenizer: ByteLevelTokenizer, _ tokens: WhisperTokens)
    -> [Int]
  {
    (tokenizer.encode(" ") + [tokens.endOfText]).sorted()
  }

  /// The cross-attention heads that follow the audio, found by OpenAI for each published size. Where a size is not
  /// known, all heads of the upper half of the decoder, as OpenAI's program does.
  static func alignmentHeads(_ sizes: WhisperSizes, isMultilingual: Bool) -> [[Int]] {
    let known: String? =
      switch (sizes.encoderLayers, sizes.decoderLayers, sizes.dimension, isMultilingual) {
      case (4, 4, 384, false): "1.0 2.0 2.5 3.0 3.1 3.2 3.3 3.4"
      case (4, 4, 384, true): "2.2 3.0 3.2 3.3 3.4 3.5"
      case (6, 6, 512, false): "3.3 4.7 5.1 5.5 5.7"
      case (6, 6, 512, true): "3.1 4.2 4.3 4.7 5.1 5.2 5.4 5.6"
      case (12, 12, 768, false):
        "6.6 7.0 7.3 7.8 8.2 8.5 8.7 9.0 9.4 9.8 9.10 10.0 10.1 10.2 10.3 10.6 10.11 11.2 11.4"
      case (12, 12, 768, true): "5.3 5.9 8.0 8.4 8.7 8.8 9.0 9.7 9.9 10.5"
      case (24, 24, 1024, false):
        "11.4 14.1 14.12 14.14 15.4 16.0 16.4 16.9 17.12 17.14 18.7 18.10 18.15 20.0 20.3 20.9 20.14 21.12"
      case (24, 24, 1024, true): "13.15 15.4 15.15 16.1 20.0 23.4"
      // large-v1 has the same sizes as large-v2; v2 is the one that is in use.
      case (32, 32, 1280, _) where sizes.melBins == 80:
        "10.12 13.17 16.11 16.12 16.13 17.15 17.16 18.4 18.11 18.19 19.11 21.2 21.3 22.3 22.9 22.12 23.5 23.7 23.13 25.5 26.1 26.12 27.15"
      case (32, 32, 1280, _): "7.0 10.17 12.18 13.12 16.1 17.14 19.11 21.4 24.1 25.6"
      case (32, 4, 1280, _): "2.4 2.11 3.3 3.6 3.11 3.14"
      default: nil
      }
    if let known {
      return known.split(separator: " ").map { $0.split(separator: ".").compactMap { Int($0) } }
    }
    return (sizes.decoderLayers / 2..<sizes.decoderLayers).flatMap { layer in
      (0..<sizes.decoderHeads).map { [layer, $0] }
    }
  }
}
