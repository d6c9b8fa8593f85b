import Offload

/// What one decision costs on this machine.
public struct DecisionTime: Codable, Sendable {
  public var measurement = "decision-time"
  public var policy: String
  public var decisions: Int
  /// Microseconds, one core.
  public var mean: Double
  public var median: Double
  public var ninetyNinth: Double
  public var target = "a decision under 20 microseconds"
  public var isMet: Bool

  /// Times `count` decisions one by one, on evidence that devices met in `scenario`.
  /// - Parameter clock: nanoseconds of a clock that goes forward.
  public static func run(
    _ scenario: Scenario, policy name: String, count: Int, profile: Profile,
    calibration: Calibration, seed: UInt64, clock: () -> UInt64
  ) throws -> DecisionTime {
    var configuration = scenario.configuration
    configuration.deviceCount = 10
    let simulation = try FleetSimulation(
      configuration: configuration, profile: configuration.said(profile),
      calibration: calibration, strategy: .policy(name), seed: seed)
    var evidence: [Evidence] = []
    simulation.evidenceObserver = { if evidence.count < 4_096 { evidence.append($0) } }
    _ = simulation.run(scenario: scenario.name)
    guard let policy = simulation.devices[0].policy, !evidence.isEmpty else {
      throw FleetError.unknownStrategy(name, known: PolicyRegistry.names)
    }
    // Hundredths of a microsecond up to a millisecond: a million times in bounded memory.
    var histogram = Array(repeating: 0, count: 100_001)
    var sum = 0.0
    var exits = 0
    for index in 0..<count {
      let asked = evidence[index % evidence.count]
      let before = clock()
      let decision = policy.decide(asked)
      let nanoseconds = clock() - before
      sum += Double(nanoseconds)
      histogram[min(histogram.count - 1, Int(nanoseconds / 10))] += 1
      // Used, so that no compiler leaves it out.
      if decision.action == .nextExit { exits += 1 }
    }
    precondition(exits >= 0)
    func percentile(_ share: Double) -> Double {
      var seen = 0
      for (place, number) in histogram.enumerated() {
        seen += number
        if Double(seen) >= share * Double(count) { return Double(place + 1) / 100 }
      }
      return 1_000
    }
    return DecisionTime(
      policy: name, decisions: count, mean: sum / Double(max(count, 1)) / 1_000,
      median: percentile(0.5), ninetyNinth: percentile(0.99), isMet: percentile(0.99) < 20)
  }
}
