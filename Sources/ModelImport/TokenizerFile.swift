import Foundation
import Whisper

/// Writes tokenizer.json as Hugging Face's `tokenizers` reads it; the same tokens give the same bytes.
enum TokenizerFile {
  static func json(_ tokenizer: ByteLevelTokenizer) -> Data {
    // By hand, in the order of the ids: sorting fifty thousand keys takes JSONSerialization seconds.
    var entries: [String] = []
    var seen: Set<[UInt8]> = []
    for (id, bytes) in tokenizer.tokens.enumerated()
    where tokenizer.controlNames[id] == nil && seen.insert(bytes).inserted {
      entries.append("\(quoted(ByteLevelTokenizer.spelled(bytes))):\(id)")
    }
    let controls = tokenizer.controlNames.sorted { $0.key < $1.key }.map { id, name in
      #"{"id":\#(id),"content":\#(quoted(name)),"single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}"#
    }
    let merges = tokenizer.merges.map {
      quoted(
        ByteLevelTokenizer.spelled(tokenizer.tokens[$0.left]) + " "
          + ByteLevelTokenizer.spelled(tokenizer.tokens[$0.right]))
    }
    let byteLevel =
      #"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}"#
    let text = """
      {"version":"1.0","truncation":null,"padding":null,
      "added_tokens":[\(controls.joined(separator: ",\n"))],
      "normalizer":null,"pre_tokenizer":\(byteLevel),"post_processor":null,"decoder":\(byteLevel),
      "model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":"","end_of_word_suffix":"",\
      "fuse_unk":false,"byte_fallback":false,"ignore_merges":false,
      "vocab":{\(entries.joined(separator: ","))},
      "merges":[\(merges.joined(separator: ","))]}}

      """
    return Data(text.utf8)
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case "\u{0}"..<" ": result += String(format: "\\u%04x", scalar.value)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

/// Finds the merges of a vocabulary that lists only its tokens.
///
/// GPT-2's tokens are numbered in the order in which training joined them, so each is the join of two earlier ones: those
/// that are left when its bytes are joined by all earlier merges (tiktoken's `recover_merges`).
enum MergeRecovery {
  static func merges(of tokens: [[UInt8]]) -> [ByteLevelTokenizer.Merge] {
    var ids: [[UInt8]: Int] = [:]
    for (id, bytes) in tokens.enumerated() where !bytes.isEmpty && ids[bytes] == nil {
      ids[bytes] = id
    }
    var merges: [ByteLevelTokenizer.Merge] = []
    for (id, bytes) in tokens.enumerated() where bytes.count > 1 && bytes.count <= 256 {
      guard ids[bytes] == id else { continue }
      var parts = bytes.map { [$0] }
      while parts.count > 2 {
        var best: (rank: Int, at: Int)?
        for i in 0..<parts.count - 1 {
          if let rank = ids[parts[i] + parts[i + 1]], rank < id, rank < best?.rank ?? .max {
            best = (rank, i)
          }
        }
        guard let best else { break }
        parts[best.at] += parts.remove(at: best.at + 1)
      }
      if parts.count == 2, let left = ids[parts[0]], let right = ids[parts[1]] {
        merges.append(.init(left: left, right: right, merged: id))
      }
    }
    return merges
  }
}
