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
    public var classes: [ConfidenceClasses]
  }

  /// What was fitted for utterances of one length.
  struct Length: Sendable {
    /// Mean error rates of an exit and of the edge, for before its confidence is known.
    struct Prior: Sendable {
      var exit: Double?
      var edge: Double?
    }

    /// By exit number; the place 0 is empty.
    private let entries: [CalibrationEntry?]
    private let priors: [Prior?]

    init(_ entries: [CalibrationEntry?]) {
      self.entries = entries
      priors = entries.map { entry in
        entry.map {
          Prior(
            exit: $0.meanErrorRate ?? Self.mean($0.errorRate),
            edge: $0.meanEdgeErrorRate ?? Self.mean($0.edgeErrorRate))
        }
      }
    }

    func entry(_ exit: Int) -> CalibrationEntry? { exit < entries.count ? entries[exit] : nil }

    func prior(_ exit: Int?) -> Prior? {
      guard let exit, exit < priors.count else { return nil }
      return priors[exit]
    }

    /// The steps' plain mean, where a calibration does not say how many utterances lie on each.
    private static func mean(_ curve: ErrorRateCurve) -> Double? {
      guard !curve.steps.isEmpty else { return nil }
      return curve.steps.reduce(0) { $0 + $1.errorRate } / Double(curve.steps.count)
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
    long.entry(latest?.exit ?? firstExit)?.words?
      .count(tokens: latest?.tokenCount, seconds: seconds) ?? assumedWordsPerSecond * seconds
  }

  /// What was fitted for utterances of so many expected words.
  func length(_ words: Double) -> Length { words < CalibrationEntry.shortWords ? short : long }

  /// - Parameters:
  ///   - exits: numbers of the exits that can still be reached, in order.
  ///   - words: expected in the utterance; few and many are fitted apart.
  /// - Returns: nil where classes were not fitted for all of them, or nothing is known of the edge.
  public func chain(after latest: ExitEvidence?, exits: [Int], words: Double) -> Chain? {
    let length = length(words)
    var classes: [ConfidenceClasses] = []
    classes.reserveCapacity(exits.count)
    for exit in exits {
      guard let own = length.entry(exit)?.classes else { return nil }
      classes.append(own)
    }
    for (own, next) in zip(classes, classes.dropFirst())
    where own.next.first?.count != next.count { return nil }
    guard let latest else {
      guard let first = classes.first, let edge = length.prior(exits.first)?.edge else {
        return nil
      }
      return Chain(now: nil, edge: edge, row: first.share, classes: classes)
    }
    guard let own = length.entry(latest.exit)?.classes else { return nil }
    let confidence = latest.confidence(criterion)
    let (first, second, share) = own.neighbours(confidence, criterion: criterion)
    var row: [Double] = []
    if let next = classes.first {
      guard own.next.count == own.count, own.next[first].count == next.count else { return nil }
      row = zip(own.next[first], own.next[second]).map { $0 + share * ($1 - $0) }
    }
    func rate(_ line: ErrorRateLine?, _ byClass: [Double]) -> Double {
      line.flatMap {
        confidence.isNaN ? nil : $0.errorRate(at: confidence, criterion: criterion)
      } ?? (byClass[first] + share * (byClass[second] - byClass[first]))
    }
    return Chain(
      now: rate(own.errors, own.errorRate), edge: rate(own.edgeErrors, own.edgeErrorRate),
      row: row, classes: classes)
  }
}
