import Conformer
import Foundation
import Whisper

/// The tokens of weights from elsewhere, in whichever files they come.
struct SourceTokenizer: Sendable {
  var path: String
  private var contents: Contents

  private enum Contents: Sendable {
    /// tokenizer.json as it is, and what it says.
    case json(Data, ByteLevelTokenizer)
    /// Tokens by id, without merges.
    case list([[UInt8]], controls: [Int: String])
    /// vocab.json, merges.txt and the added tokens.
    case parsed(ByteLevelTokenizer)
  }

  /// From a folder: tokenizer.json, or vocab.json with merges.txt, or vocabulary.json or .txt.
  ///
  /// - Throws: `ImportError` where none is there, one is damaged, or two contradict each other.
  init(folder: String) throws(ImportError) {
    func path(_ name: String) -> String? {
      let path = folder + "/" + name
      return FileManager.default.fileExists(atPath: path) ? path : nil
    }
    let listPath = path("vocabulary.json") ?? path("vocabulary.txt")
    // Tandem's own vocabulary.json, of a folder with exits, is an object and not meant here.
    let list = try listPath.flatMap { (path) throws(ImportError) in try Self.list(path) }
    if let jsonPath = path("tokenizer.json") {
      let data = try SourceFile.contents(jsonPath)
      let tokenizer: ByteLevelTokenizer
      do {
        tokenizer = try ByteLevelTokenizer(json: data, path: jsonPath)
      } catch {
        throw Self.damaged(jsonPath, error)
      }
      self.path = jsonPath
      contents = .json(data, tokenizer)
      if let list, let listPath {
        try Self.compare(tokenizer, with: list.tokens, tokenizer: jsonPath, list: listPath)
      }
    } else if let vocabulary = path("vocab.json"), let merges = path("merges.txt") {
      self.path = vocabulary
      contents = .parsed(
        try Self.tokenizer(
          vocabulary: vocabulary, merges: merges, added: path("added_tokens.json")))
    } else if let list, let listPath {
      self.path = listPath
      contents = .list(list.tokens, controls: list.controls)
    } else {
      throw ImportError(
        path: folder,
        problem:
          "there is no tokenizer: tokenizer.json, vocab.json with merges.txt, or vocabulary.json",
        remedy: "Fetch the tokenizer that belongs to these weights into the folder.")
    }
  }

  /// From the tokens inside a whisper.cpp file; control tokens follow them, and are named by their number.
  init(tokens: [[UInt8]], path: String) {
    self.path = path
    var plain: [[UInt8]] = []
    var controls: [Int: String] = [:]
    for (id, bytes) in tokens.enumerated() {
      let name = String(decoding: bytes, as: UTF8.self)
      if Self.isControl(name) { controls[id] = name }
      plain.append(controls[id] == nil ? bytes : [])
    }
    contents = .list(plain, controls: controls)
  }

  /// The tokenizer for a decoder of `tokens` rows, with every control token named, and the tokenizer.json to write.
  ///
  /// - Throws: `ImportError` where it is not the tokenizer of such a decoder.
  func completed(tokens count: Int) throws(ImportError) -> (
    tokenizer: ByteLevelTokenizer, json: Data
  ) {
    let found: ByteLevelTokenizer
    switch contents {
    case .json(_, let tokenizer), .parsed(let tokenizer): found = tokenizer
    case .list(let tokens, let controls):
      found = ByteLevelTokenizer(
        tokens: tokens, controlNames: controls, merges: MergeRecovery.merges(of: tokens))
    }
    let remedy = "Give the tokenizer that belongs to these weights."
    guard found.count <= count else {
      throw ImportError(
        path: path, problem: "it has \(found.count) tokens, and the decoder \(count)",
        remedy: remedy)
    }
    let complete = WhisperControls.completing(found, count: count)
    let tokens: WhisperTokens
    do {
      tokens = try WhisperTokens(complete, path: path)
    } catch {
      throw ImportError(
        path: path,
        problem: "it is not the tokenizer of a Whisper model with \(count) tokens (\(error))",
        remedy: remedy)
    }
    guard tokens.firstTimestamp + WhisperTokens.timestampCount <= count,
      tokens.endOfText < tokens.startOfTranscript, tokens.startOfTranscript < tokens.noTimestamps,
      complete.control("<|0.00|>").map({ $0 == tokens.firstTimestamp }) ?? true
    else {
      throw ImportError(
        path: path,
        problem:
          "<|notimestamps|> is token \(tokens.noTimestamps), and 1501 timestamps after it do not fit a decoder of \(count) tokens",
        remedy: remedy)
    }
    if case .json(let data, let tokenizer) = contents, tokenizer.count == count,
      tokenizer.controlNames == complete.controlNames
    {
      return (complete, data)
    }
    return (complete, TokenizerFile.json(complete))
  }

  private static func isControl(_ name: String) -> Bool {
    name.utf8.count > 4 && name.hasPrefix("<|") && name.hasSuffix("|>")
  }

  private static func damaged(_ path: String, _ error: any Error) -> ImportError {
    ImportError(
      path: path, problem: "it is not Whisper's byte-level BPE (\(error))",
      remedy: "Fetch the tokenizer that belongs to these weights again.")
  }

  /// vocabulary.json (a list) or vocabulary.txt (a line each); nil for a JSON object.
  private static func list(_ path: String) throws(ImportError)
    -> (tokens: [[UInt8]], controls: [Int: String])?
  {
    let data = try SourceFile.contents(path)
    var names: [String]
    if path.hasSuffix(".json") {
      guard let value = try? JSONSerialization.jsonObject(with: data) else {
        throw ImportError(path: path, problem: "it is not JSON", remedy: ImportError.fetchAgain)
      }
      if value is [String: Any] { return nil }
      guard let list = value as? [String] else {
        throw ImportError(
          path: path, problem: "it is not a list of tokens", remedy: ImportError.fetchAgain)
      }
      names = list
    } else {
      // By bytes: a line may be a carriage return's name, but never a carriage return.
      names = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        .map { String(decoding: $0, as: UTF8.self) }
      if names.last == "" { names.removeLast() }
    }
    guard (1...ByteLevelTokenizer.maximumTokens).contains(names.count) else {
      throw ImportError(
        path: path, problem: "it lists \(names.count) tokens", remedy: ImportError.fetchAgain)
    }
    var tokens: [[UInt8]] = []
    var controls: [Int: String] = [:]
    for (id, name) in names.enumerated() {
      if isControl(name) {
        controls[id] = name
        tokens.append([])
      } else if let bytes = ByteLevelTokenizer.bytes(spelled: name) {
        tokens.append(bytes)
      } else {
        throw ImportError(
          path: path, place: "token \(id)",
          problem: "\"\(name.prefix(40))\" is not spelled in GPT-2's byte alphabet",
          remedy: "Fetch the tokenizer that belongs to these weights again.")
      }
    }
    return (tokens, controls)
  }

  private static func tokenizer(vocabulary: String, merges: String, added: String?)
    throws(ImportError) -> ByteLevelTokenizer
  {
    var controls: [Int: String] = [:]
    var spellings: [(id: Int, name: String)] = []
    for path in [vocabulary, added].compactMap({ $0 }) {
      for (name, value) in try SourceFile.json(path) {
        guard let id = value as? Int, (0..<ByteLevelTokenizer.maximumTokens).contains(id) else {
          throw ImportError(
            path: path, place: "token \"\(name.prefix(40))\"", problem: "it has no id",
            remedy: ImportError.fetchAgain)
        }
        if isControl(name) || path == added {
          controls[id] = name
        } else {
          spellings.append((id, name))
        }
      }
    }
    let text = String(decoding: try SourceFile.contents(merges), as: UTF8.self)
    var pairs: [(left: Substring, right: Substring)] = []
    for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#version") {
      let parts = line.split(separator: " ")
      guard parts.count == 2 else {
        throw ImportError(
          path: merges, place: "merge \(pairs.count)", problem: "it is no pair of tokens",
          remedy: ImportError.fetchAgain)
      }
      pairs.append((parts[0], parts[1]))
    }
    do {
      return try ByteLevelTokenizer(
        spellings: spellings, controls: controls, merges: pairs, path: vocabulary)
    } catch {
      throw damaged(vocabulary, error)
    }
  }

  /// Two lists of the same tokens must agree wherever both have text.
  private static func compare(
    _ a: ByteLevelTokenizer, with b: [[UInt8]], tokenizer: String, list: String
  ) throws(ImportError) {
    for id in 0..<min(a.count, b.count) where a.controlNames[id] == nil && a.tokens[id] != b[id] {
      throw ImportError(
        path: tokenizer, place: "token \(id)", problem: "\(list) has another token there",
        remedy: "Give the tokenizer that belongs to these weights.")
    }
  }
}
