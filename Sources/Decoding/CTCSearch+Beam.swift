import Conformer
import Models

extension CTCSearch {
  /// Prefix beam search (Hannun et al. 2014, 1408.2873), with a language model and a lexicon where there are any.
  ///
  /// Cost is bounded by frames · `beam` · `tokensPerFrame`, memory by frames · `beam`.
  ///
  /// - Parameters:
  ///   - logPosteriors: `[T, V]` natural logarithms, blank at column 0.
  ///   - beam: prefixes kept a frame, at least 1.
  ///   - tokensPerFrame: the most probable tokens by which prefixes are tried to go on; nil for four more than `beam`.
  ///   - fusion: nil ranks by the acoustic model alone.
  ///   - isCancelled: asked once a frame; true ends the search with what it has.
  /// - Returns: best first, at least one; with a lexicon that nothing fits, the empty transcript.
  public static func beam(
    _ logPosteriors: [Float], vocabulary: Vocabulary, beam width: Int, tokensPerFrame: Int? = nil,
    fusion: WordFusion? = nil, isCancelled: () -> Bool = { false }
  ) -> [Hypothesis] {
    let size = vocabulary.tokens.count
    let frames = logPosteriors.count / size
    let width = max(1, width)
    var tree = PrefixTree(state: fusion?.start)
    var entries = [Entry(node: 0, blank: 0, score: fusion?.start.score ?? 0)]
    for frame in 0..<frames {
      if isCancelled() { break }
      let row = logPosteriors[(frame * size)..<((frame + 1) * size)]
      let candidates = strongest(row, count: max(1, tokensPerFrame ?? width + 4))
      entries = step(
        entries, tree: &tree, row: row, candidates: candidates, width: width, fusion: fusion)
    }
    let found = entries.compactMap { entry -> Hypothesis? in
      let acoustic = entry.total
      var score = acoustic
      if let fusion, let state = tree.nodes[entry.node].state {
        guard let words = fusion.finish(state) else { return nil }
        score += words
      }
      let tokens = tree.tokens(entry.node)
      return Hypothesis(
        tokens: tokens, text: vocabulary.text(tokens), logProbability: acoustic, score: score)
    }
    guard !found.isEmpty else { return [Hypothesis(tokens: [], text: "", logProbability: 0)] }
    return fusion == nil ? found : BestHypotheses.ranked(found)
  }

  /// A prefix of the beam: log P of its paths that end in a blank, and of those that end in its last token.
  private struct Entry {
    /// In the tree; or, while it is only tried, its parent.
    var node: Int
    /// By which the parent goes on; the blank for a prefix that is in the tree.
    var token = Vocabulary.blank
    var blank = -Double.infinity
    var label = -Double.infinity
    /// What the beam is ranked by.
    var score: Double
    var state: WordFusion.State?
    var total: Double { logAdd(blank, label) }
  }

  private static func step(
    _ entries: [Entry], tree: inout PrefixTree, row: ArraySlice<Float>, candidates: [Int],
    width: Int, fusion: WordFusion?
  ) -> [Entry] {
    func value(_ token: Int) -> Double { Double(row[row.startIndex + token]) }
    // First every prefix as it is, so that a prefix that is also another's continuation is found.
    var next: [Entry] = []
    var places: [Int: Int] = [:]
    for entry in entries {
      places[entry.node] = next.count
      let last = tree.nodes[entry.node].token
      next.append(
        Entry(
          node: entry.node, blank: entry.total + value(Vocabulary.blank),
          label: last == Vocabulary.blank ? -.infinity : entry.label + value(last), score: 0,
          state: tree.nodes[entry.node].state))
    }
    for entry in entries {
      let last = tree.nodes[entry.node].token
      for token in candidates where token != Vocabulary.blank {
        // A repeated label needs a blank between, or it is the same label going on.
        let from = token == last ? entry.blank : entry.total
        guard from > -.infinity else { continue }
        let label = from + value(token)
        let known = tree.child(of: entry.node, token)
        if let known, let place = places[known] {
          next[place].label = logAdd(next[place].label, label)
          continue
        }
        var state: WordFusion.State?
        if let fusion {
          if let known {
            state = tree.nodes[known].state
          } else if let before = tree.nodes[entry.node].state {
            guard let after = fusion.advance(before, by: token) else { continue }
            state = after
          }
        }
        next.append(
          Entry(node: entry.node, token: token, label: label, score: 0, state: state))
      }
    }
    for index in next.indices {
      next[index].score = next[index].total + (next[index].state?.score ?? 0)
    }
    let order = next.indices.sorted {
      next[$0].score != next[$1].score ? next[$0].score > next[$1].score : $0 < $1
    }
    var kept = Array(order.prefix(width))
    // With a lexicon, one prefix at which a transcript may end stays, whatever comes.
    if let fusion, fusion.isConstrained, !kept.contains(where: { fusion.mayEnd(next[$0].state) }),
      let reserve = order.dropFirst(width).first(where: { fusion.mayEnd(next[$0].state) })
    {
      kept.append(reserve)
    }
    return kept.map { index in
      var entry = next[index]
      if entry.token != Vocabulary.blank {
        entry.node = tree.add(parent: entry.node, token: entry.token, state: entry.state)
        entry.token = Vocabulary.blank
      }
      return entry
    }
  }
}
