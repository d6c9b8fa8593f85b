/// What became of features that were sent while the user spoke: for the log and for people.
public struct SpeculationResult: Hashable, Codable, Sendable {
  public enum Outcome: String, CaseIterable, Hashable, Codable, Sendable {
    /// It became the offload.
    case kept
    /// The policy decided otherwise at the end: what was sent was in vain.
    case withdrawn
    /// The stream broke or was refused before the end.
    case lost
  }

  public var outcome: Outcome
  public var plan: SpeculationPlan
  /// Seconds of speech after which sending began.
  public var startedAfter: Double
  /// Bytes that had left the device when the user stopped speaking, framing included.
  public var bytesAhead: Int

  public init(outcome: Outcome, plan: SpeculationPlan, startedAfter: Double, bytesAhead: Int) {
    self.outcome = outcome
    self.plan = plan
    self.startedAfter = startedAfter
    self.bytesAhead = bytesAhead
  }
}

extension SpeculationResult: CustomStringConvertible {
  public var description: String {
    switch outcome {
    case .kept: "\(bytesAhead) bytes had been sent ahead"
    case .withdrawn: "\(bytesAhead) bytes were sent ahead in vain"
    case .lost: "\(bytesAhead) bytes were sent ahead and lost"
    }
  }
}
