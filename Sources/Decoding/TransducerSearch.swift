import Conformer
import Foundation
import Models

/// Time-synchronous search with a transducer: greedy, and beam search that adds up the paths
/// that lead to the same tokens, with a language model where there is one.
public struct TransducerSearch: Sendable {
  /// Tokens that one frame may emit at most; keeps every input's cost bounded.
  public static let maximumSymbolsPerFrame = 5

  /// When greedy search emits a token.
  public enum GreedyRule: String, Sendable, CaseIterable {
    /// When it is more probable than the blank.
    case mostProbable
    /// When anything is more probable than the blank: a factorised blank (HAT, 2003.07705) says whether, the labels say what.
    case blankBelowHalf
  }

  let transducer: Transducer
  private let vocabulary: Vocabulary

  /// - Throws: `ModelError.deviceOnly` when the model was loaded without its second pass.
  public init(model: Model) throws(ModelError) {
    guard let transducer = model.transducer else { throw .deviceOnly(path: model.directory) }
    self.transducer = transducer
    vocabulary = model.vocabulary
  }

  /// At each frame the most probable token, until `rule` prefers the blank.
  public func greedy(_ second: SecondPass, rule: GreedyRule = .mostProbable) -> Hypothesis {
    let projected = transducer.project(second)
    let j = transducer.joinerDimension
    var history = [Int](repeating: Vocabulary.blank, count: transducer.context)
    var prediction = transducer.predict(history)
    var tokens: [Int] = []
    var total = 0.0
    let half = Float(log(0.5))
    for frame in 0..<second.frameCount {
      let row = projected[(frame * j)..<((frame + 1) * j)]
      for symbol in 0...Self.maximumSymbolsPerFrame {
        let scores = transducer.join(frame: row, histories: [prediction])
        var best: Int
        switch rule {
        case .mostProbable: best = strongest(scores, count: 1)[0]
        case .blankBelowHalf:
          best =
            scores[Vocabulary.blank] >= half
            ? Vocabulary.blank : strongest(scores.dropFirst(), count: 1)[0] + 1
        }
        // After the last symbol that a frame may emit, the blank is taken whatever it scores.
        if symbol == Self.maximumSymbolsPerFrame { best = Vocabulary.blank }
        total += Double(scores[best])
        if best == Vocabulary.blank { break }
        tokens.append(best)
        history = Array(history.dropFirst()) + [best]
        prediction = transducer.predict(history)
      }
    }
    return Hypothesis(tokens: tokens, text: vocabulary.text(tokens), logProbability: total)
  }

  /// A hypothesis of the beam, which is a node of the tree.
  private struct Path {
    var node: Int
    /// log P of all its paths so far.
    var acoustic: Double
    /// What the beam is ranked by.
    var score: Double
  }

  /// A path by one more token, before it is known to be kept.
  private struct Continuation {
    var parent: Int
    var token: Int
    var acoustic: Double
    var expected: Double
    var score = 0.0
    var state: WordFusion.State?
  }

  /// Beam search, best first.
  ///
  /// Cost is bounded by frames · `width` · `maximumSymbolsPerFrame`, and so is memory.
  ///
  /// - Parameters:
  ///   - width: paths kept a frame, at least 1.
  ///   - fusion: nil ranks by the transducer alone.
  ///   - isCancelled: asked once a frame; true ends the search with what it has.
  /// - Returns: at least one; with a lexicon that nothing fits, the empty transcript.
  public func beam(
    _ second: SecondPass, width: Int, fusion: WordFusion? = nil,
    isCancelled: () -> Bool = { false }
  ) -> [Hypothesis] {
    let width = max(1, width)
    let projected = transducer.project(second)
    let j = transducer.joinerDimension
    let v = transducer.vocabularySize
    var predictor = PredictorCache(transducer: transducer)
    var tree = PrefixTree(state: fusion?.start)
    let internalWeight = fusion?.weights.internalLanguageModel ?? 0
    // Of each node of the tree: what the internal language model gives its tokens.
    var expected = [0.0]
    func rank(_ node: Int, _ acoustic: Double) -> Double {
      acoustic + (tree.nodes[node].state?.score ?? 0) - internalWeight * expected[node]
    }

    var paths = [Path(node: 0, acoustic: 0, score: 0)]
    for frame in 0..<second.frameCount {
      if isCancelled() { break }
      let row = projected[(frame * j)..<((frame + 1) * j)]
      var finished: [Int: Double] = [:]
      var active = paths
      for symbol in 0...Self.maximumSymbolsPerFrame where !active.isEmpty {
        let histories = active.map { tree.history($0.node, count: transducer.context) }
        let scores = transducer.join(
          frame: row, histories: histories.map { predictor.prediction($0) })
        // Different parents have different children, so nothing has to be added up here.
        var longer: [Continuation] = []
        for (i, path) in active.enumerated() {
          let line = scores[(i * v)..<((i + 1) * v)]
          finished[path.node] = logAdd(
            finished[path.node] ?? -.infinity, path.acoustic + Double(line[i * v]))
          guard symbol < Self.maximumSymbolsPerFrame else { continue }
          let before = tree.nodes[path.node].state
          for token in strongest(line, count: width + 1) where token != Vocabulary.blank {
            var next = Continuation(
              parent: path.node, token: token,
              acoustic: path.acoustic + Double(line[i * v + token]),
              expected: expected[path.node])
            if let fusion, let before {
              guard let after = fusion.advance(before, by: token) else { continue }
              next.state = after
            }
            if internalWeight != 0 {
              next.expected += Double(predictor.internalLanguageModel(histories[i])[token])
            }
            next.score =
              next.acoustic + (next.state?.score ?? 0) - internalWeight * next.expected
            longer.append(next)
          }
        }
        // A path that already scores below every finished one of a full beam hardly comes back
        // within this frame: each further symbol lowers it, but for what a word bonus adds.
        let bar =
          finished.count < width
          ? -.infinity : best(finished, width, rank).last?.score ?? -.infinity
        active = longer.indices.sorted {
          longer[$0].score != longer[$1].score ? longer[$0].score > longer[$1].score : $0 < $1
        }.prefix(width).filter { longer[$0].score > bar }.map { index in
          let kept = longer[index]
          let node = tree.add(parent: kept.parent, token: kept.token, state: kept.state)
          if node == expected.count { expected.append(kept.expected) }
          return Path(node: node, acoustic: kept.acoustic, score: kept.score)
        }
      }
      paths = best(finished, width, rank)
      if let fusion, fusion.isConstrained,
        !paths.contains(where: { fusion.mayEnd(tree.nodes[$0.node].state) })
      {
        // With a lexicon, one path at which a transcript may end stays, whatever comes.
        let ends = finished.filter { fusion.mayEnd(tree.nodes[$0.key].state) }
        paths += best(ends, 1, rank)
      }
    }
    let found = paths.compactMap { path -> Hypothesis? in
      var score = path.acoustic - internalWeight * expected[path.node]
      if let fusion, let state = tree.nodes[path.node].state {
        guard let words = fusion.finish(state) else { return nil }
        score += words
      }
      let tokens = tree.tokens(path.node)
      return Hypothesis(
        tokens: tokens, text: vocabulary.text(tokens), logProbability: path.acoustic, score: score)
    }
    guard !found.isEmpty else { return [Hypothesis(tokens: [], text: "", logProbability: 0)] }
    return fusion == nil ? found : BestHypotheses.ranked(found)
  }

  /// The `width` best, best first; ties by age in the tree, so that results never depend on hashing.
  private func best(_ scores: [Int: Double], _ width: Int, _ rank: (Int, Double) -> Double)
    -> [Path]
  {
    scores.map { Path(node: $0.key, acoustic: $0.value, score: rank($0.key, $0.value)) }
      .sorted { $0.score != $1.score ? $0.score > $1.score : $0.node < $1.node }
      .prefix(width).map { $0 }
  }

  /// log P(tokens | audio) of several hypotheses, summed over all alignments (Graves 2012), and what the internal language
  /// model expects of them.
  ///
  /// The joiner runs once a frame over the hypotheses' different histories, which n-best lists share.
  public func forward(
    _ hypotheses: [[Int]], _ second: SecondPass, isCancelled: () -> Bool = { false }
  ) -> [(logProbability: Double, expected: Double)] {
    let frames = second.frameCount
    guard frames > 0 else { return hypotheses.map { ($0.isEmpty ? 0 : -.infinity, 0) } }
    var histories: [[Int]] = []
    var numbers: [[Int]: Int] = [:]
    // For each hypothesis the row of the joiner before each of its tokens and at its end.
    let rows = hypotheses.map { tokens -> [Int] in
      let padded = [Int](repeating: Vocabulary.blank, count: transducer.context) + tokens
      return (0...tokens.count).map { position in
        let history = Array(padded[position..<(position + transducer.context)])
        if let known = numbers[history] { return known }
        numbers[history] = histories.count
        histories.append(history)
        return histories.count - 1
      }
    }
    let predictions = histories.map { transducer.predict($0) }
    let expectations = predictions.map { transducer.internalLanguageModel($0) }
    let projected = transducer.project(second)
    let j = transducer.joinerDimension
    let v = transducer.vocabularySize
    var sums = hypotheses.map { [0.0] + [Double](repeating: -.infinity, count: $0.count) }
    for frame in 0..<frames {
      if isCancelled() { break }
      let scores = transducer.join(
        frame: projected[(frame * j)..<((frame + 1) * j)], histories: predictions)
      for (number, tokens) in hypotheses.enumerated() {
        // Labels move along within the frame, then the blank moves all to the next.
        for (position, token) in tokens.enumerated() {
          let emitted = sums[number][position] + Double(scores[rows[number][position] * v + token])
          sums[number][position + 1] = logAdd(sums[number][position + 1], emitted)
        }
        for position in 0...tokens.count {
          sums[number][position] += Double(scores[rows[number][position] * v])
        }
      }
    }
    return hypotheses.enumerated().map { number, tokens in
      let expected = tokens.enumerated().reduce(0.0) {
        $0 + Double(expectations[rows[number][$1.offset]][$1.element])
      }
      return (sums[number][tokens.count], expected)
    }
  }
}
