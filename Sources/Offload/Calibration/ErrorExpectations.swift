/// What a calibration says, under one criterion, of the errors that are to be expected: of the latest exit, of those to come, and
/// of the edge.
///
/// `ExpectedCostPlan` decides by it, and the simulator's informed oracle does too: they differ in what they know of link and
/// queue, not in what they know of errors.
public struct ErrorExpectations: Sendable {
  /// From the latest exit on.
  public struct Chain: Sendable {
    /// Errors an expected word of the latest exit's transcript, nil before the first, and of the edge's.
    public var now: Double?
    public var edge: Double
    /// Probabilities of the next exit's classes; empty after the last.
    public var row: [Double]
    /// Of the exits to come, in order.
    public var exits: [FittedExit]
  }

  /// What was fitted for utterances of one length, by exit number; the place 0 is empty.
  struct Length: Sendable {
    private let exits: [FittedExit?]

    init(_ entries: [CalibrationEntry?]) { exits = entries.map { $0.map(FittedExit.init) } }

    func exit(_ number: Int) -> FittedExit? {
      exits.indices.contains(number) ? exits[number] : nil
    }
  }

  public let criterion: ConfidenceCriterion
  private let assumedWordsPerSecond: Double
  private let short: Length
  private let long: Length

  /// - Parameter assumedWordsPerSecond: where the calibration does not say how many words an utterance has.
  public init(
    _ calibration: Calibration, criterion: ConfidenceCriterion, assumedWordsPerSecond: Double
  ) {
    self.criterion = criterion
    self.assumedWordsPerSecond = assumedWordsPerSecond
    let last = calibration.entries.map(\.exit).max() ?? 0
    var entries: [CalibrationEntry?] = Array(repeating: nil, count: last + 1)
    for exit in stride(from: 1, through: last, by: 1) {
      entries[exit] = calibration.entry(exit: exit, criterion: criterion)
    }
    short = Length(entries.map { $0?.for(words: 0) })
    long = Length(entries.map { $0?.for(words: .infinity) })
  }

  /// Words to expect, going by the latest exit's transcript, if there is one, and by how long the utterance is.
  public func words(after latest: ExitEvidence?, firstExit: Int, seconds: Double) -> Double {
    long.exit(latest?.exit ?? firstExit)?.entry.words?
      .count(tokens: latest?.tokenCount, seconds: seconds) ?? assumedWordsPerSecond * seconds
  }

  /// The same for an utterance that is being decided.
  func words(_ evidence: Evidence) -> Double {
    words(
      after: evidence.exits.last, firstExit: evidence.model.exits.first?.exit ?? 1,
      seconds: evidence.utteranceSeconds)
  }

  /// What was fitted for utterances of so many expected words.
  func length(_ words: Double) -> Length { words < CalibrationEntry.shortWords ? short : long }

  /// - Parameters:
  ///   - exits: numbers of the exits that can still be reached, in order.
  ///   - words: expected in the utterance; few and many are fitted apart.
  /// - Returns: nil where classes were not fitted for all of them, or nothing is known of the edge.
  public func chain(after latest: ExitEvidence?, exits: [Int], words: Double) -> Chain? {
    let length = length(words)
    var reached: [FittedExit] = []
    reached.reserveCapacity(exits.count)
    for number in exits {
      guard let own = length.exit(number), let count = own.classes?.count else { return nil }
      if let before = reached.last, before.classes?.next.first?.count != count { return nil }
      reached.append(own)
    }
    guard let latest else {
      guard let first = reached.first, let share = first.classes?.share,
        let edge = first.meanEdgeErrorRate
      else { return nil }
      return Chain(now: nil, edge: edge, row: share, exits: reached)
    }
    guard let own = length.exit(latest.exit)?.classes else { return nil }
    let confidence = latest.confidence(criterion)
    let (first, second, share) = own.neighbours(confidence, criterion: criterion)
    var row: [Double] = []
    if let next = reached.first?.classes?.count {
      guard own.next.count == own.count, own.next[first].count == next else { return nil }
      row = zip(own.next[first], own.next[second]).map { $0 + share * ($1 - $0) }
    }
    func rate(_ line: ErrorRateLine?, _ byClass: [Double]) -> Double {
      line.flatMap {
        confidence.isNaN ? nil : $0.errorRate(at: confidence, criterion: criterion)
      } ?? (byClass[first] + share * (byClass[second] - byClass[first]))
    }
    return Chain(
      now: rate(own.errors, own.errorRate), edge: rate(own.edgeErrors, own.edgeErrorRate),
      row: row, exits: reached)
  }
}

/// What was fitted for one exit, by reference: it is looked at in every decision, and holds too much to be copied each time.
public final class FittedExit: Sendable {
  let entry: CalibrationEntry
  /// Mean error rates of the exit and of the edge, for before its confidence is known.
  let meanErrorRate: Double?
  let meanEdgeErrorRate: Double?

  init(_ entry: CalibrationEntry) {
    self.entry = entry
    // The steps' plain mean, where a calibration does not say how many utterances lie on each.
    func mean(_ curve: ErrorRateCurve) -> Double? {
      guard !curve.steps.isEmpty else { return nil }
      return curve.steps.reduce(0) { $0 + $1.errorRate } / Double(curve.steps.count)
    }
    meanErrorRate = entry.meanErrorRate ?? mean(entry.errorRate)
    meanEdgeErrorRate = entry.meanEdgeErrorRate ?? mean(entry.edgeErrorRate)
  }

  /// nil where they were not fitted.
  var classes: ConfidenceClasses? { entry.classes }
}
