import Foundation
import Models

/// Byte-level BPE as GPT-2 and Whisper use it: every token is a string of bytes, so every text has tokens and every
/// sequence of tokens is some bytes.
///
/// Reads Hugging Face's tokenizer.json. Added tokens (`<|endoftext|>`, languages, timestamps) are *control* tokens: they are never text.
public struct ByteLevelTokenizer: Sendable {
  /// The bytes of each token, by id; empty for control tokens and for ids that the file leaves out.
  public let tokens: [[UInt8]]
  /// The control tokens' names, by id.
  public let controlNames: [Int: String]
  /// Pairs of tokens that are joined, first come first joined (Sennrich et al. 2016).
  public let merges: [Merge]
  private let controlIDs: [String: Int]
  private let byteIDs: [Int?]
  private let ranks: [UInt64: (rank: Int, merged: Int)]

  public struct Merge: Sendable, Equatable {
    public var left: Int
    public var right: Int
    public var merged: Int

    public init(left: Int, right: Int, merged: Int) {
      self.left = left
      self.right = right
      self.merged = merged
    }
  }

  public static let maximumTokens = 262_144
  public static let maximumFileBytes = 64 << 20

  public init(tokens: [[UInt8]], controlNames: [Int: String], merges: [Merge]) {
    self.tokens = tokens
    self.controlNames = controlNames
    self.merges = merges
    var controlIDs: [String: Int] = [:]
    // Where a name occurs twice, the lower id is the one that the decoder was trained with.
    for (id, name) in controlNames.sorted(by: { $0.key > $1.key }) { controlIDs[name] = id }
    self.controlIDs = controlIDs
    var byteIDs = [Int?](repeating: nil, count: 256)
    for (id, bytes) in tokens.enumerated() where bytes.count == 1 && byteIDs[Int(bytes[0])] == nil {
      byteIDs[Int(bytes[0])] = id
    }
    self.byteIDs = byteIDs
    var ranks: [UInt64: (rank: Int, merged: Int)] = [:]
    ranks.reserveCapacity(merges.count)
    for (rank, merge) in merges.enumerated() {
      let key = Self.key(merge.left, merge.right)
      if ranks[key] == nil { ranks[key] = (rank, merge.merged) }
    }
    self.ranks = ranks
  }

  /// Ids run from 0 to this.
  public var count: Int { tokens.count }

  /// The id of a control token by its name, such as `<|startoftranscript|>`.
  public func control(_ name: String) -> Int? { controlIDs[name] }

  public func isControl(_ id: Int) -> Bool {
    controlNames[id] != nil || !tokens.indices.contains(id)
  }

  /// The tokens' bytes without control tokens. A character may be spread over tokens, so single tokens need not be UTF-8.
  public func bytes(_ ids: some Sequence<Int>) -> [UInt8] {
    var bytes: [UInt8] = []
    for id in ids where !isControl(id) { bytes += tokens[id] }
    return bytes
  }

  /// The tokens' text without control tokens; what is not UTF-8 becomes U+FFFD.
  public func decode(_ ids: some Sequence<Int>) -> String {
    String(decoding: bytes(ids), as: UTF8.self)
  }

  /// The tokens of a text, never control tokens: `<|en|>` in a text is five characters.
  ///
  /// Bytes that the vocabulary lacks are left out; Whisper's has all 256.
  public func encode(_ text: String) -> [Int] {
    var ids: [Int] = []
    for piece in Self.pieces(text) { ids += join(piece) }
    return ids
  }

  /// The BPE merges inside one piece of text.
  private func join(_ piece: [UInt8]) -> [Int] {
    var parts = piece.compactMap { byteIDs[Int($0)] }
    while parts.count > 1 {
      var best: (rank: Int, merged: Int)?
      for i in 0..<parts.count - 1 {
        if let candidate = ranks[Self.key(parts[i], parts[i + 1])],
          candidate.rank < best?.rank ?? .max
        {
          best = candidate
        }
      }
      guard let best else { break }
      let merge = merges[best.rank]
      var next: [Int] = []
      next.reserveCapacity(parts.count)
      var i = 0
      while i < parts.count {
        if i + 1 < parts.count, parts[i] == merge.left, parts[i + 1] == merge.right {
          next.append(merge.merged)
          i += 2
        } else {
          next.append(parts[i])
          i += 1
        }
      }
      parts = next
    }
    return parts
  }

  private static func key(_ left: Int, _ right: Int) -> UInt64 {
    UInt64(UInt32(truncatingIfNeeded: left)) << 32 | UInt64(UInt32(truncatingIfNeeded: right))
  }
}
