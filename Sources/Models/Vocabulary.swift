import Foundation

/// The model's tokens. Index 0 is the blank; "▁" marks the start of a word.
public struct Vocabulary: Sendable, Equatable {
  public enum Kind: String, Codable, Sendable { case characters, subwords }

  public let kind: Kind
  public let tokens: [String]
  public static let blank = 0
  public static let wordBoundary = "\u{2581}"

  private struct File: Decodable {
    var kind: Kind
    var tokens: [String]
  }

  /// Reads vocabulary.json; `path` is for the errors.
  public init(json: Data, path: String) throws(ModelError) {
    guard let file = try? JSONDecoder().decode(File.self, from: json) else {
      throw .badVocabulary(path: path, reason: "it is not {\"kind\": …, \"tokens\": […]}")
    }
    guard (2...65_536).contains(file.tokens.count) else {
      throw .badVocabulary(path: path, reason: "it has \(file.tokens.count) tokens, not 2 to 65536")
    }
    guard file.tokens[0] == "<blank>" else {
      throw .badVocabulary(path: path, reason: "token 0 is not \"<blank>\"")
    }
    if let empty = file.tokens.firstIndex(where: { $0.isEmpty }) {
      throw .badVocabulary(path: path, reason: "token \(empty) is empty")
    }
    guard Set(file.tokens).count == file.tokens.count else {
      throw .badVocabulary(path: path, reason: "a token occurs twice")
    }
    kind = file.kind
    tokens = file.tokens
  }

  /// Tokens to text: joined, word starts as single spaces, trimmed.
  public func text(_ indices: some Sequence<Int>) -> String {
    let joined = indices.map { tokens[$0] }.joined()
    return joined.replacingOccurrences(of: Self.wordBoundary, with: " ")
      .split(separator: " ").joined(separator: " ")
  }
}
