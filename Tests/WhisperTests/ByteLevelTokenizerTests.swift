import Foundation
import Models
import Testing

@testable import Whisper

@Suite struct ByteLevelTokenizerTests {
  /// All 256 bytes, then "he", "ll", "hell", "hello", " w", and the control tokens.
  static func small() throws -> ByteLevelTokenizer {
    try ByteLevelTokenizer(json: json(), path: "small.json")
  }

  static func json(
    merges: [Any] = ["h e", ["l", "l"], "he ll", "hell o", "Ġ w"], type: String = "BPE"
  ) -> Data {
    var vocabulary: [String: Int] = [:]
    for byte in 0..<256 { vocabulary[ByteLevelTokenizer.spelled([UInt8(byte)])] = byte }
    for (i, word) in ["he", "ll", "hell", "hello", "Ġw"].enumerated() { vocabulary[word] = 256 + i }
    let names = [
      "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|yue|>", "<|translate|>",
      "<|transcribe|>", "<|startofprev|>", "<|nocaptions|>", "<|notimestamps|>",
    ]
    let file: [String: Any] = [
      "model": ["type": type, "vocab": vocabulary, "merges": merges],
      "added_tokens": names.enumerated().map { ["id": 261 + $0, "content": $1] as [String: Any] },
    ]
    return try! JSONSerialization.data(withJSONObject: file)
  }

  @Test func encodesByMergesAndDecodesBack() throws {
    let tokenizer = try Self.small()
    #expect(tokenizer.encode("hello") == [259])
    #expect(tokenizer.encode("hello world") == [259, 260, 111, 114, 108, 100])
    for text in ["", " ", "hello  world ", "don't\n\nstop 12", "žluťoučký 日本 👍🏽", "<|en|>"] {
      #expect(tokenizer.decode(tokenizer.encode(text)) == text)
    }
  }

  @Test func controlTokensAreNeverText() throws {
    let tokenizer = try Self.small()
    #expect(tokenizer.decode([262, 263, 259, 261, 100_000, -1]) == "hello")
    #expect(!tokenizer.encode("<|en|>").contains { tokenizer.isControl($0) })
  }

  @Test func halfACharacterIsNoCrash() throws {
    #expect(try Self.small().decode([0xE6, 0x97]) == "\u{FFFD}")
  }

  @Test func findsThePromptByName() throws {
    let tokens = try WhisperTokens(Self.small(), path: "small.json")
    #expect(tokens.languages == ["en": 263, "yue": 264])
    #expect(tokens.noSpeech == 268)
    #expect(tokens.firstTimestamp == 270)
    #expect(tokens.prompt(isMultilingual: true, language: "en") == [262, 263, 266, 269])
    #expect(tokens.prompt(isMultilingual: false, language: "en") == [262, 269])
    #expect(tokens.prompt(isMultilingual: true, language: "xx") == nil)
  }

  @Test func splitsAsGPT2Does() {
    func split(_ text: String) -> [String] {
      ByteLevelTokenizer.pieces(text).map { String(decoding: $0, as: UTF8.self) }
    }
    #expect(
      split("I'll go, we've 3 cats") == ["I", "'ll", " go", ",", " we", "'ve", " 3", " cats"])
    #expect(split("a  b\n\nc ") == ["a", " ", " b", "\n", "\n", "c", " "])
    #expect(split("'S it's   ") == ["'", "S", " it", "'s", "   "])
    #expect(split("x\u{a0}y ...") == ["x", "\u{a0}", "y", " ..."])
    // Two scalars, one Character.
    #expect(split("\r\nx") == ["\r", "\n", "x"])
  }

  @Test(arguments: [
    (Data("[]".utf8), "not a JSON object"),
    (Data("{}".utf8), "no model.vocab"),
    (json(type: "Unigram"), "its model is Unigram"),
    (json(merges: ["h zz"]), "merge 0"),
    (json(merges: ["h e l"]), "merges[0] is no pair"),
    (json(merges: [7]), "merges[0] is no pair"),
    (Data(#"{"model":{"vocab":{"日":0},"merges":[]}}"#.utf8), "byte alphabet"),
    (Data(#"{"model":{"vocab":{"a":0,"b":0},"merges":[]}}"#.utf8), "token 0 occurs twice"),
    (Data(#"{"model":{"vocab":{"a":-1},"merges":[]}}"#.utf8), "has no id"),
    (Data(#"{"model":{"vocab":{"a":4294967296},"merges":[]}}"#.utf8), "has no id"),
    (Data(#"{"model":{"vocab":{"a":1.5},"merges":[]}}"#.utf8), "has no id"),
  ])
  func namesWhatIsWrong(file: Data, message: String) {
    let error = #expect(throws: ModelError.self) {
      try ByteLevelTokenizer(json: file, path: "folder/tokenizer.json")
    }
    #expect(error?.description.contains("folder/tokenizer.json") == true)
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }
}
