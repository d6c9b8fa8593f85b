import Offload

/// Whether `budget` keeps its budget, and how it compares with the best threshold that somebody could have set who
/// knew the whole run beforehand.
public struct BudgetMeasurement: Codable, Sendable {
  public var measurement = "budget"
  public var scenario: String
  public var seed: UInt64
  /// Megabytes a device and day, and their share of what `model-based` takes without a budget.
  public var megabytesPerDay: Double
  public var share: Double
  public var meanCost: Double
  /// The most that any device took on any day.
  public var mostOnADay: Double
  /// Days of a device on which more than the budget was taken.
  public var exceeded: Int
  public var deviceDays: Int
  /// The cheapest threshold that takes no more than the budget a day, on the mean over devices and days: on price
  /// (model-based with a price on bytes) or on confidence.
  public var bestThreshold: String
  public var bestThresholdCost: Double
  public var bestThresholdMegabytes: Double
  /// Without any budget, and with none at all.
  public var unlimitedCost: Double
  public var localCost: Double
  /// meanCost / bestThresholdCost - 1.
  public var excess: Double
  public var target = "never exceeded, within 10 % of the best threshold in hindsight"
  public var isMet: Bool

  private struct Run {
    var cost: Double
    var megabytesPerDay: Double
    var most: Double
    var exceeded: Int
    var days: Int
  }

  static func run(
    _ scenario: Scenario, share: Double, profile: Profile, calibration: Calibration, seed: UInt64
  ) throws -> BudgetMeasurement {
    let profile = scenario.configuration.said(profile)
    var configuration = scenario.configuration
    configuration.deviceCount = min(configuration.deviceCount, 12)
    configuration.seconds = 2 * 86_400
    // Exogenous: what one device saves must not help another.
    configuration.edge.isShared = false
    func measure(_ strategy: Strategy, budget: Double?, probes: Bool = true) throws -> Run {
      var configuration = configuration
      configuration.probes = configuration.probes && probes
      configuration.budget = budget.map { Budget(resource: .megabytes, perDay: $0) }
      let simulation = try FleetSimulation(
        configuration: configuration, profile: profile, calibration: calibration,
        strategy: strategy, seed: seed)
      let days = Int((configuration.seconds / 86_400).rounded(.up))
      var spent = Array(repeating: 0.0, count: configuration.deviceCount * days)
      simulation.observer = { context, result, _ in
        let day = min(days - 1, Int(result.finish / 86_400))
        spent[context.device * days + day] += result.cost.bytes * 1e-6
      }
      let report = simulation.run(scenario: scenario.name).report
      return Run(
        cost: report.meanCost,
        megabytesPerDay: spent.reduce(0, +) / Double(spent.count), most: spent.max() ?? 0,
        exceeded: budget.map { limit in spent.count { $0 > limit * (1 + 1e-9) } } ?? 0,
        days: spent.count)
    }
    let unlimited = try measure(.policy(ModelBasedPolicy.name), budget: nil)
    let limit = unlimited.megabytesPerDay * share
    let own = try measure(.policy(BudgetPolicy.name), budget: limit)
    let local = try measure(.policy(AlwaysLocalPolicy.name), budget: nil)
    var best: (name: String, run: Run)?
    func consider(_ strategy: Strategy, probes: Bool = true) throws -> Run {
      let run = try measure(strategy, budget: nil, probes: probes)
      if run.megabytesPerDay <= limit, run.cost < best?.run.cost ?? .infinity {
        best = (strategy.name + (probes ? "" : "-without-signs-of-life"), run)
      }
      return run
    }
    // The price at which just the budget is taken: use falls as the price rises. A sign of life before every utterance
    // may be more than a small budget allows: `budget` never asks for one, and a threshold may do without too.
    for probes in [true, false] {
      var low = 0.0
      var high = 1.0
      while try consider(.priced(perMegabyte: high), probes: probes).megabytesPerDay > limit,
        high < 1e4
      {
        low = high
        high *= 4
      }
      for _ in 0..<9 {
        let middle = (low + high) / 2
        if try consider(.priced(perMegabyte: middle), probes: probes).megabytesPerDay > limit {
          low = middle
        } else {
          high = middle
        }
      }
    }
    for step in 0...20 { _ = try consider(.threshold(Double(step) / 20)) }
    let threshold = best ?? ("always-local", local)
    return BudgetMeasurement(
      scenario: scenario.name, seed: seed, megabytesPerDay: limit, share: share,
      meanCost: own.cost, mostOnADay: own.most, exceeded: own.exceeded, deviceDays: own.days,
      bestThreshold: threshold.name, bestThresholdCost: threshold.run.cost,
      bestThresholdMegabytes: threshold.run.megabytesPerDay, unlimitedCost: unlimited.cost,
      localCost: local.cost, excess: own.cost / threshold.run.cost - 1,
      isMet: own.exceeded == 0 && own.cost <= 1.1 * threshold.run.cost)
  }
}
