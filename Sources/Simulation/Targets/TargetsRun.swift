import Foundation
import Offload

/// Everything that issue 10 sets as a target and that does not depend on the machine: the same profile, scenarios
/// and seed give the same bytes.
public struct TargetsRun: Sendable {
  public let seed: UInt64
  public let profile: String
  public let scenarios: [ScenarioMeasurement]
  public let gap: GapMeasurement?
  public let bandit: [BanditMeasurement]
  public let budget: [BudgetMeasurement]
  public let deadline: DeadlineMeasurement

  /// Scenarios on which policies' constants were chosen, by file name: one of LTE links, one of Wi-Fi. The others
  /// only report.
  public static let tuned: Set = ["lte-commute", "home-wifi"]

  /// What a run is made of.
  public struct Input: Sendable {
    /// By file name, without ending.
    public var scenarios: [(name: String, scenario: Scenario)]
    /// What users say in the simulation.
    public var played: Profile
    /// What policies know of the exits: fitted on other recordings than those that are played.
    public var calibration: Calibration
    public var seed: UInt64
    /// Devices in the bandit's measurements: one is one seed.
    public var banditSeeds: Int
    /// Hours that one of the bandit's regimes lasts; 24 are enough for the 4000 decisions that are looked at.
    public var banditHours: Double

    public init(
      scenarios: [(name: String, scenario: Scenario)], played: Profile, calibration: Calibration,
      seed: UInt64, banditSeeds: Int = 100, banditHours: Double = 24
    ) {
      self.scenarios = scenarios
      self.played = played
      self.calibration = calibration
      self.seed = seed
      self.banditSeeds = banditSeeds
      self.banditHours = banditHours
    }
  }

  /// Scenarios with more devices than this are compared with as many, on an edge that is smaller: the whole crowd is
  /// for the measurement of speed.
  static let comparedDevices = 60

  /// - Parameter progress: told what is under way, now and then.
  public init(_ input: Input, progress: ((String) -> Void)? = nil) throws {
    seed = input.seed
    profile = input.played.header.source
    var measured: [ScenarioMeasurement] = []
    for (name, whole) in input.scenarios {
      progress?(whole.name)
      let scenario = whole.reduced(to: Self.comparedDevices)
      let comparison = try Comparison(
        scenario: scenario, profile: input.played, calibration: input.calibration,
        strategies: Strategy.compared(profile: input.played), seed: input.seed)
      if let measurement = ScenarioMeasurement(comparison, isTuned: Self.tuned.contains(name)) {
        measured.append(measurement)
      }
    }
    scenarios = measured
    gap = GapMeasurement(measured)
    deadline = DeadlineMeasurement(measured)

    var budgets: [BudgetMeasurement] = []
    for (name, scenario) in input.scenarios where Self.tuned.contains(name) {
      for share in [0.2, 0.5] {
        progress?("budget, \(scenario.name), \(share)")
        budgets.append(
          try BudgetMeasurement.run(
            scenario, share: share, profile: input.played, calibration: input.calibration,
            seed: input.seed))
      }
    }
    budget = budgets
    var learning: [BanditMeasurement] = []
    if let ground = input.scenarios.first(where: { $0.name == "home-wifi" })?.scenario {
      for (change, configuration, time) in Self.changes(
        ground.configuration, seeds: input.banditSeeds, hours: input.banditHours)
      {
        progress?("bandit, \(change)")
        learning.append(
          try BanditMeasurement.run(
            change, configuration: configuration, changeAt: time, profile: input.played,
            calibration: input.calibration, seed: input.seed))
      }
    }
    bandit = learning
  }

  /// What happens to the bandits. Everything but the link's rate and the edge's load is `ground`'s.
  private static func changes(
    _ ground: FleetConfiguration, seeds: Int, hours: Double
  ) -> [(String, FleetConfiguration, Double?)] {
    var base = ground
    base.deviceCount = seeds
    base.arrivals = .poisson(perHour: 120)
    base.edge.isShared = false
    base.alignsTraces = true
    base.outages = nil
    let change = hours * 3600
    let length = 2 * change
    func link(_ before: Double, _ after: Double) -> [RateTrace] {
      [RateTrace(starts: [0, change], rates: [before, after], period: length)]
    }
    func load(_ before: Double, _ after: Double) -> [EdgeConfiguration.BackgroundLevel] {
      [
        .init(fromSecond: 0, utilisation: before),
        .init(fromSecond: change, utilisation: after),
      ]
    }
    var cold = base
    cold.seconds = change
    cold.traces = link(1e6, 1e6)
    var changes: [(String, FleetConfiguration, Double?)] = [("cold start", cold, nil)]
    for (name, rates, loads) in [
      ("link falls from 1 Mbit/s to 30 kbit/s", (1e6, 3e4), (0.3, 0.3)),
      ("link rises from 30 kbit/s to 1 Mbit/s", (3e4, 1e6), (0.3, 0.3)),
      ("edge becomes overloaded", (1e6, 1e6), (0.3, 1.05)),
      ("edge becomes idle", (1e6, 1e6), (1.05, 0.3)),
    ] {
      var configuration = base
      configuration.seconds = length
      configuration.traces = link(rates.0, rates.1)
      configuration.edge.background = load(loads.0, loads.1)
      changes.append((name, configuration, change))
    }
    return changes
  }

  /// One object a line, keys sorted.
  public func jsonLines() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var data = Data()
    func add(_ value: some Encodable) throws {
      data += try encoder.encode(value)
      data.append(0x0A)
    }
    for scenario in scenarios { try add(scenario) }
    if let gap { try add(gap) }
    for measurement in bandit { try add(measurement) }
    for measurement in budget { try add(measurement) }
    try add(deadline)
    return data
  }

  /// A page without external assets; the same run gives the same bytes.
  public func html() -> String { TargetsReport(self).text }
}

extension Scenario {
  /// The same with at most so many devices, and an edge with fewer workers in proportion, one at least.
  func reduced(to devices: Int) -> Scenario {
    guard configuration.deviceCount > devices else { return self }
    var copy = self
    let share = Double(devices) / Double(configuration.deviceCount)
    copy.configuration.deviceCount = devices
    copy.configuration.edge.workers = max(
      1, Int((Double(configuration.edge.workers) * share).rounded()))
    return copy
  }
}

extension Strategy {
  /// What the targets are measured with: every policy, every fixed baseline, the oracles. Splits at exits and before
  /// the first block stand for those between them.
  static func compared(profile: Profile) -> [Strategy] {
    let layers = Set(profile.header.shape.exits.map(\.afterBlock) + [0])
    return all(profile: profile).filter {
      if case .edge(let layer, _, _) = $0 { layers.contains(layer) } else { true }
    }
  }
}
