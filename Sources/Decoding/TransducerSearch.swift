import Conformer
import Foundation

/// Time-synchronous search with a transducer: greedy, and beam search that adds up the paths
/// that lead to the same tokens.
public struct TransducerSearch: Sendable {
  /// Tokens that one frame may emit at most; keeps every input's cost bounded.
  public static let maximumSymbolsPerFrame = 5

  private let transducer: Transducer
  private let vocabulary: Vocabulary

  /// - Throws: `ModelError.deviceOnly` when the model was loaded without its second pass.
  public init(model: Model) throws(ModelError) {
    guard let transducer = model.transducer else { throw .deviceOnly(path: model.directory) }
    self.transducer = transducer
    vocabulary = model.vocabulary
  }

  /// At each frame the most probable token, until it is the blank.
  public func greedy(_ second: SecondPass) -> Hypothesis {
    let projected = transducer.project(second)
    let j = transducer.joinerDimension
    var history = [Int](repeating: Vocabulary.blank, count: transducer.context)
    var prediction = transducer.predict(history)
    var tokens: [Int] = []
    var total = 0.0
    for frame in 0..<second.frameCount {
      let row = projected[(frame * j)..<((frame + 1) * j)]
      for symbol in 0...Self.maximumSymbolsPerFrame {
        let scores = transducer.join(frame: row, histories: [prediction])
        let best = strongest(scores, count: 1)[0]
        // After the last symbol that a frame may emit, the blank is taken whatever it scores.
        let token = symbol == Self.maximumSymbolsPerFrame ? Vocabulary.blank : best
        total += Double(scores[token])
        if token == Vocabulary.blank { break }
        tokens.append(token)
        history = Array(history.dropFirst()) + [token]
        prediction = transducer.predict(history)
      }
    }
    return Hypothesis(tokens: tokens, text: vocabulary.text(tokens), logProbability: total)
  }

  private struct Path {
    var tokens: [Int]
    var score: Double
  }

  /// Beam search, best first.
  ///
  /// - Parameters:
  ///   - width: paths kept a frame, at least 1.
  ///   - isCancelled: asked once a frame; true ends the search with what it has.
  public func beam(
    _ second: SecondPass, width: Int, isCancelled: () -> Bool = { false }
  ) -> [Hypothesis] {
    let width = max(1, width)
    let projected = transducer.project(second)
    let j = transducer.joinerDimension
    let v = transducer.vocabularySize
    let start = [Int](repeating: Vocabulary.blank, count: transducer.context)
    var predictions: [[Int]: [Float]] = [:]
    func prediction(after tokens: [Int]) -> [Float] {
      let history = Array((start + tokens.suffix(transducer.context)).suffix(transducer.context))
      if let known = predictions[history] { return known }
      let made = transducer.predict(history)
      predictions[history] = made
      return made
    }

    var paths = [Path(tokens: [], score: 0)]
    for frame in 0..<second.frameCount {
      if isCancelled() { break }
      let row = projected[(frame * j)..<((frame + 1) * j)]
      var finished: [[Int]: Double] = [:]
      var active = paths
      for symbol in 0...Self.maximumSymbolsPerFrame where !active.isEmpty {
        let scores = transducer.join(
          frame: row, histories: active.map { prediction(after: $0.tokens) })
        var longer: [[Int]: Double] = [:]
        for (i, path) in active.enumerated() {
          let line = scores[(i * v)..<((i + 1) * v)]
          finished[path.tokens] = logAdd(
            finished[path.tokens] ?? -.infinity, path.score + Double(line[i * v]))
          guard symbol < Self.maximumSymbolsPerFrame else { continue }
          for token in strongest(line, count: width + 1) where token != Vocabulary.blank {
            let tokens = path.tokens + [token]
            longer[tokens] = logAdd(
              longer[tokens] ?? -.infinity, path.score + Double(line[i * v + token]))
          }
        }
        // A path that already scores below every finished one of a full beam cannot come back
        // within this frame: each further symbol only lowers it.
        let bar = Self.best(finished, width).last.map(\.score) ?? -.infinity
        active = Self.best(longer, width).filter { finished.count < width || $0.score > bar }
      }
      paths = Self.best(finished, width)
    }
    return paths.map {
      Hypothesis(
        tokens: $0.tokens, text: vocabulary.text($0.tokens), logProbability: $0.score)
    }
  }

  private static func best(_ scores: [[Int]: Double], _ width: Int) -> [Path] {
    scores.sorted { better($0.value, $0.key, $1.value, $1.key) }.prefix(width)
      .map { Path(tokens: $0.key, score: $0.value) }
  }
}
