import Offload

/// What an exit's confidence says of errors still to come, counted on the profile: confidences fall into equally
/// frequent classes; classes of one exit lead to classes of the next with counted probabilities.
struct ExpectedErrors: Sendable {
  static let classes = 8

  let criterion: ConfidenceCriterion
  /// By exit, from 1: what says how many words there are; the place 0 is empty. The device's own rule.
  private let wordsOf: [ExpectedWords?]
  private let assumedWordsPerSecond: Double
  /// For every exit: the upper ends of all classes but the last.
  private let limits: [[Double]]
  /// `next[e][c][d]`: class d at exit e + 1 after class c at exit e; e = 0 is before the first exit.
  let next: [[[Double]]]
  /// `exit[e][c]`: errors an expected word at exit e, for e from 1.
  let exit: [[Double]]
  /// `edge[e][c]`: errors an expected word by edge result of the profile.
  let edge: [[[OracleAlternative.Edge: Double]]]

  init(profile: Profile, criterion: ConfidenceCriterion, assumedWordsPerSecond: Double) {
    self.criterion = criterion
    self.assumedWordsPerSecond = assumedWordsPerSecond
    let wordsOf: [ExpectedWords?] =
      [nil]
      + profile.header.shape.exits.indices.map { exit in
        ExpectedWords(
          fitting: profile.utterances.map {
            .init(
              tokens: $0.exits[exit].evidence.tokenCount, seconds: $0.seconds,
              words: $0.referenceWords)
          })
      }
    self.wordsOf = wordsOf
    func expectedWords(_ utterance: ProfiledUtterance, _ exit: Int) -> Double {
      Self.words(wordsOf, utterance, exit: exit, assumed: assumedWordsPerSecond)
    }
    let utterances = profile.utterances
    let exits = profile.header.shape.exits.count
    let classes = max(1, min(Self.classes, utterances.count / 20))
    var limits: [[Double]] = []
    for exit in 0..<exits {
      let sorted = utterances.map { $0.exits[exit].evidence.confidence(criterion) }.sorted()
      limits.append((1..<max(classes, 1)).map { sorted[$0 * sorted.count / classes] })
    }
    self.limits = limits
    func classify(_ utterance: ProfiledUtterance, _ exit: Int) -> Int {
      if exit == 0 { return 0 }
      let value = utterance.exits[exit - 1].evidence.confidence(criterion)
      return limits[exit - 1].count { $0 <= value }
    }
    var next: [[[Double]]] = []
    var exitRates: [[Double]] = []
    var edgeRates: [[[OracleAlternative.Edge: Double]]] = []
    for exit in 0...exits {
      let count = exit == 0 ? 1 : classes
      var moves = Array(repeating: Array(repeating: 0.0, count: classes), count: count)
      var words = Array(repeating: 0.0, count: count)
      var errors = Array(repeating: 0.0, count: count)
      var edges = Array(
        repeating: [OracleAlternative.Edge: Double](), count: count)
      for utterance in utterances {
        let place = classify(utterance, exit)
        if exit < exits { moves[place][classify(utterance, exit + 1)] += 1 }
        words[place] += expectedWords(utterance, exit)
        if exit > 0 { errors[place] += Double(utterance.exits[exit - 1].wordErrors) }
        for result in utterance.edge {
          edges[place][.init(splitLayer: result.splitLayer, codec: result.codec), default: 0] +=
            Double(result.wordErrors)
        }
      }
      next.append(
        moves.map { row in
          let sum = row.reduce(0, +)
          return sum > 0 ? row.map { $0 / sum } : row.map { _ in 1 / Double(classes) }
        })
      exitRates.append(zip(errors, words).map { $0 / max($1, 0.5) })
      edgeRates.append(
        zip(edges, words).map { rates, words in rates.mapValues { $0 / max(words, 0.5) } })
    }
    self.next = next
    exit = exitRates
    edge = edgeRates
  }

  /// Words to expect once `exit` exits have spoken.
  func words(_ utterance: ProfiledUtterance, exit: Int) -> Double {
    Self.words(wordsOf, utterance, exit: exit, assumed: assumedWordsPerSecond)
  }

  private static func words(
    _ models: [ExpectedWords?], _ utterance: ProfiledUtterance, exit: Int, assumed: Double
  ) -> Double {
    let model = exit == 0 ? (models.count > 1 ? models[1] : nil) : models[exit]
    return model?.count(
      tokens: exit == 0 ? nil : utterance.exits[exit - 1].evidence.tokenCount,
      seconds: utterance.seconds) ?? assumed * utterance.seconds
  }

  /// The class of an exit's confidence; 0 before the first exit.
  func place(_ utterance: ProfiledUtterance, exit: Int) -> Int {
    if exit == 0 { return 0 }
    let value = utterance.exits[exit - 1].evidence.confidence(criterion)
    return limits[exit - 1].count { $0 <= value }
  }
}
