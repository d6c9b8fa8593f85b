import Foundation
import Models

extension ByteLevelTokenizer {
  /// Reads a tokenizer.json.
  ///
  /// - Throws: `ModelError.badVocabulary` that names the place.
  public init(path: String) throws(ModelError) {
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else {
      throw .missingFile(path: path)
    }
    guard let size = attributes[.size] as? Int, size <= Self.maximumFileBytes else {
      throw .badVocabulary(path: path, reason: "it has more than \(Self.maximumFileBytes) bytes")
    }
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: path)) else {
      throw .unreadable(path: path, reason: "it cannot be opened")
    }
    try self.init(json: data, path: path)
  }

  /// Reads the bytes of a tokenizer.json; `path` is for the errors.
  public init(json: Data, path: String) throws(ModelError) {
    func bad(_ reason: String) -> ModelError { .badVocabulary(path: path, reason: reason) }
    guard let file = (try? JSONSerialization.jsonObject(with: json)) as? [String: Any] else {
      throw bad("it is not a JSON object")
    }
    guard let model = file["model"] as? [String: Any],
      let vocabulary = model["vocab"] as? [String: Any]
    else { throw bad("it has no model.vocab") }
    if let type = model["type"] as? String, type != "BPE" {
      throw bad("its model is \(type); Whisper's is BPE, byte-level")
    }
    let controls = try Self.controls(file["added_tokens"], bad)
    var spellings: [(id: Int, name: String)] = []
    for (name, value) in vocabulary {
      guard let id = value as? Int, (0..<Self.maximumTokens).contains(id) else {
        throw bad(
          "model.vocab: \"\(name.prefix(40))\" has no id from 0 to \(Self.maximumTokens - 1)")
      }
      spellings.append((id, name))
    }
    try self.init(
      spellings: spellings, controls: controls,
      merges: Self.mergeSpellings(model["merges"], bad), path: path)
  }

  /// From tokens and merges as vocabulary files spell them.
  ///
  /// - Throws: `ModelError.badVocabulary` for ids given twice, tokens that are no bytes, and merges of or to unknown tokens.
  package init(
    spellings: [(id: Int, name: String)], controls: [Int: String],
    merges: [(left: Substring, right: Substring)], path: String
  ) throws(ModelError) {
    func bad(_ reason: String) -> ModelError { .badVocabulary(path: path, reason: reason) }
    let ids = spellings.map(\.id) + Array(controls.keys)
    guard let last = ids.max() else { throw bad("it has no tokens") }
    var tokens = [[UInt8]](repeating: [], count: last + 1)
    var idOfSpelling: [Substring: Int] = [:]
    var isTaken = [Bool](repeating: false, count: last + 1)
    for (id, name) in spellings where controls[id] == nil {
      if isTaken[id] { throw bad("token \(id) occurs twice") }
      isTaken[id] = true
      guard let bytes = Self.bytes(spelled: name) else {
        throw bad("token \(id), \"\(name.prefix(40))\", is not spelled in GPT-2's byte alphabet")
      }
      tokens[id] = bytes
      idOfSpelling[name[...]] = id
    }
    var joined: [Merge] = []
    joined.reserveCapacity(merges.count)
    for (i, merge) in merges.enumerated() {
      guard let left = idOfSpelling[merge.left], let right = idOfSpelling[merge.right],
        let merged = idOfSpelling[merge.left + merge.right]
      else {
        throw bad(
          "merge \(i), \"\(merge.left.prefix(40)) \(merge.right.prefix(40))\", names a token that the vocabulary lacks"
        )
      }
      joined.append(Merge(left: left, right: right, merged: merged))
    }
    self.init(tokens: tokens, controlNames: controls, merges: joined)
  }

  private static func controls(_ value: Any?, _ bad: (String) -> ModelError) throws(ModelError)
    -> [Int: String]
  {
    var controls: [Int: String] = [:]
    guard let value else { return controls }
    guard let list = value as? [[String: Any]] else { throw bad("added_tokens is not a list") }
    for (i, token) in list.enumerated() {
      guard let id = token["id"] as? Int, (0..<maximumTokens).contains(id),
        let name = token["content"] as? String
      else {
        throw bad("added_tokens[\(i)] has no id from 0 to \(maximumTokens - 1), or no content")
      }
      controls[id] = name
    }
    return controls
  }

  /// Both ways of writing them: `"a b"`, and from 2024 on `["a", "b"]`.
  private static func mergeSpellings(_ value: Any?, _ bad: (String) -> ModelError)
    throws(ModelError) -> [(left: Substring, right: Substring)]
  {
    guard let list = value as? [Any], list.count <= 1 << 20 else {
      throw bad("model.merges is missing or too long")
    }
    var merges: [(left: Substring, right: Substring)] = []
    merges.reserveCapacity(list.count)
    for (i, item) in list.enumerated() {
      var parts: [Substring] = []
      if let text = item as? String {
        parts = text.split(separator: " ", omittingEmptySubsequences: false)
      } else if let pair = item as? [String] {
        parts = pair.map { $0[...] }
      }
      guard parts.count == 2 else { throw bad("model.merges[\(i)] is no pair of tokens") }
      merges.append((parts[0], parts[1]))
    }
    return merges
  }
}
