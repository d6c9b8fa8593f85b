/// A language model's words as a tree of letters. Each node knows its best word's probability, which
/// is how a word is judged before it is finished (look-ahead; Ortmanns et al. 1996).
struct WordTrie: Sendable {
  static let root: UInt32 = 0
  /// Where no word goes on.
  static let outside = UInt32.max

  private struct Node {
    /// Bit s is set where a word goes on with symbol s; its node is `first` plus the set bits below s.
    var mask: UInt32 = 0
    var first: UInt32 = 0
    /// The word that ends here, or 0 (which is no word: it stands for the unknown).
    var word: UInt16 = 0
    var best: Float = -.infinity
  }

  private var nodes: [Node]

  /// Breadth first over the sorted words, so that a node's children lie side by side.
  init(_ model: LanguageModel) {
    nodes = [Node()]
    var ranges = [(low: 3, high: model.wordCount, depth: 0)]
    var number = 0
    while number < ranges.count {
      var (low, high, depth) = ranges[number]
      nodes[number].first = UInt32(nodes.count)
      for word in low..<high {
        nodes[number].best = max(nodes[number].best, model.logUnigram(word))
      }
      if low < high, model.spelling(low).count == depth {
        nodes[number].word = UInt16(low)
        low += 1
      }
      while low < high {
        let letter = model.spelling(low)[depth]
        var next = low + 1
        while next < high, model.spelling(next)[depth] == letter { next += 1 }
        nodes[number].mask |= 1 << UInt32(Spelling.symbol(letter))
        nodes.append(Node())
        ranges.append((low, next, depth + 1))
        low = next
      }
      number += 1
    }
  }

  var count: Int { nodes.count }

  @inline(__always) func child(of node: UInt32, _ symbol: UInt8) -> UInt32 {
    guard node != Self.outside, symbol < Spelling.space else { return Self.outside }
    let bit: UInt32 = 1 << UInt32(symbol)
    let found = nodes[Int(node)]
    guard found.mask & bit != 0 else { return Self.outside }
    return found.first + UInt32((found.mask & (bit - 1)).nonzeroBitCount)
  }

  /// The word that ends at a node; `LanguageModel.unknown` if none does.
  @inline(__always) func word(at node: UInt32) -> UInt16 {
    node == Self.outside ? LanguageModel.unknown : nodes[Int(node)].word
  }

  /// log P of the most probable word that begins so.
  @inline(__always) func best(at node: UInt32) -> Float { nodes[Int(node)].best }
}
