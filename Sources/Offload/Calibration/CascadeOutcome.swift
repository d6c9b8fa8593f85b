/// What a calibration's thresholds do together on a set of utterances: every utterance stops at the first
/// exit that accepts it, and goes to the edge if none does.
public struct CascadeOutcome: Hashable, Sendable {
  /// Utterances answered by each exit, by the exit's number.
  public var answeredByExit: [Int: Int]
  /// Utterances that went to the edge.
  public var answeredByEdge: Int
  /// Errors of the answers.
  public var wordErrors: Int
  public var referenceWords: Int

  /// Errors per reference word; nil without words.
  public var errorRate: Double? {
    referenceWords > 0 ? Double(wordErrors) / Double(referenceWords) : nil
  }

  /// Share of the utterances that went to the edge; nil without utterances.
  public var offloadRate: Double? {
    let total = answeredByEdge + answeredByExit.values.reduce(0, +)
    return total > 0 ? Double(answeredByEdge) / Double(total) : nil
  }

  /// Runs the cascade over `samples`, one an utterance and exit.
  public init(
    samples: [CalibrationSample], calibration: Calibration, criterion: ConfidenceCriterion
  ) {
    answeredByExit = [:]
    answeredByEdge = 0
    wordErrors = 0
    referenceWords = 0
    for exits in Dictionary(grouping: samples, by: \.utterance).values {
      let accepting = exits.sorted { $0.exit < $1.exit }.first {
        calibration.accepts($0.confidence, exit: $0.exit, criterion: criterion)
      }
      referenceWords += exits[0].referenceWords
      if let accepting {
        answeredByExit[accepting.exit, default: 0] += 1
        wordErrors += accepting.wordErrors
      } else {
        answeredByEdge += 1
        wordErrors += exits[0].edgeWordErrors
      }
    }
  }
}
