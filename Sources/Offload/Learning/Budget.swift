/// What offloading may spend in a day.
public struct Budget: Hashable, Codable, Sendable {
  /// What is counted.
  public enum Resource: String, CaseIterable, Hashable, Codable, Sendable {
    /// 10⁶ bytes sent and received, framing included.
    case megabytes
    /// Joules drawn by the radio. What computing on the device draws is not counted: it is spent whether or
    /// not anything is offloaded.
    case joules
  }

  public var resource: Resource
  /// Megabytes or joules, at least 0, for every 86,400 seconds of the clock of `Evidence.time`.
  public var perDay: Double

  public init(resource: Resource, perDay: Double) {
    self.resource = resource
    self.perDay = max(perDay, 0)
  }

  /// How much of the resource an offload is predicted to take.
  func use(_ cost: PredictedCost) -> Double {
    switch resource {
    case .megabytes: cost.bytes * 1e-6
    case .joules: cost.energy
    }
  }

  /// How much of it an utterance took.
  func use(_ outcome: Outcome) -> Double {
    switch resource {
    case .megabytes: outcome.bytes * 1e-6
    case .joules: outcome.radioEnergy
    }
  }
}
