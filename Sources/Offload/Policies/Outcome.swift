/// What became of an utterance: what learning policies learn from.
public struct Outcome: Hashable, Codable, Sendable {
  /// The id that `LearningPolicy.begin` was given.
  public var utterance: UInt64
  /// When it was over, in seconds of the clock of `Evidence.time`.
  public var time: Double
  /// Every decision, in order.
  public var decisions: [Decision]
  /// Seconds from the decision to offload until the edge's answer was there; if it never came, until it was
  /// given up. nil if nothing was offloaded.
  public var offloadSeconds: Double?
  /// Whether the edge answered.
  public var answeredByEdge: Bool
  /// Bytes sent and received, framing included.
  public var bytes: Double
  /// Joules that the radio drew (`CostPredictor.radioEnergy`).
  public var radioEnergy: Double

  public init(
    utterance: UInt64, time: Double, decisions: [Decision], offloadSeconds: Double? = nil,
    answeredByEdge: Bool = false, bytes: Double = 0, radioEnergy: Double = 0
  ) {
    self.utterance = utterance
    self.time = time
    self.decisions = decisions
    self.offloadSeconds = offloadSeconds
    self.answeredByEdge = answeredByEdge
    self.bytes = bytes
    self.radioEnergy = radioEnergy
  }
}
