/// One exit's calibration under one criterion.
public struct CalibrationEntry: Hashable, Codable, Sendable {
  /// The exit's number, from 1.
  public var exit: Int
  /// Encoder blocks before it.
  public var afterBlock: Int
  public var criterion: ConfidenceCriterion
  /// The least confidence that is accepted; nil: the exit is never accepted.
  public var threshold: Double?
  /// Word errors that an offload had to save in the fit.
  public var offloadPrice: Double
  /// The data it was fitted on.
  public var manifest: String
  /// Utterances in it: the error-rate curves are fitted on all of them.
  public var utterances: Int
  /// How many of them no earlier exit accepted: the threshold is fitted on these.
  public var reached: Int
  /// How many of these the threshold accepts.
  public var accepted: Int
  /// This exit's word error rate on the accepted ones; nil if there are none.
  public var acceptedErrorRate: Double?
  /// The edge's on the same ones; nil if there are none.
  public var acceptedEdgeErrorRate: Double?
  /// This exit's word error rate as a function of its confidence.
  public var errorRate: ErrorRateCurve
  /// The next exit's as a function of this exit's confidence; empty for the last exit.
  public var nextExitErrorRate: ErrorRateCurve
  /// The edge's as a function of this exit's confidence.
  public var edgeErrorRate: ErrorRateCurve
  /// This exit's and the edge's word error rates over all utterances; nil in files that were written before they
  /// were kept.
  public var meanErrorRate: Double?
  public var meanEdgeErrorRate: Double?
  /// How many words an utterance has; nil if it was not fitted: then as many as the costs assume.
  public var words: ExpectedWords?
  /// Where confidences lead; nil in files that were written before it was counted, and where too few were seen.
  public var classes: ConfidenceClasses?
  /// The same for utterances of few expected words, and for those of more; nil where too few were seen.
  public var short: CalibrationCurves?
  public var long: CalibrationCurves?

  public init(
    exit: Int, afterBlock: Int, criterion: ConfidenceCriterion, threshold: Double?,
    offloadPrice: Double = 0, manifest: String = "", utterances: Int = 0,
    reached: Int = 0,
    accepted: Int = 0, acceptedErrorRate: Double? = nil, acceptedEdgeErrorRate: Double? = nil,
    errorRate: ErrorRateCurve = .empty, nextExitErrorRate: ErrorRateCurve = .empty,
    edgeErrorRate: ErrorRateCurve = .empty, meanErrorRate: Double? = nil,
    meanEdgeErrorRate: Double? = nil, words: ExpectedWords? = nil
  ) {
    self.exit = exit
    self.afterBlock = afterBlock
    self.criterion = criterion
    self.threshold = threshold
    self.offloadPrice = offloadPrice
    self.manifest = manifest
    self.utterances = utterances
    self.reached = reached
    self.accepted = accepted
    self.acceptedErrorRate = acceptedErrorRate
    self.acceptedEdgeErrorRate = acceptedEdgeErrorRate
    self.errorRate = errorRate
    self.nextExitErrorRate = nextExitErrorRate
    self.edgeErrorRate = edgeErrorRate
    self.meanErrorRate = meanErrorRate
    self.meanEdgeErrorRate = meanEdgeErrorRate
    self.words = words
  }
}
