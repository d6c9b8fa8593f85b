import Foundation
import Offload

/// Several strategies on one scenario: what `tandem-simulate fleet` writes.
public struct Comparison: Sendable {
  public let scenario: Scenario
  public let seed: UInt64
  /// One a strategy, in the order in which they were asked for.
  public let reports: [StrategyReport]

  /// Runs every strategy, one after the other, and works out regret against the oracles among them. Beside policies and
  /// fixed strategies there is also one that offloads at random, as often as the best policy.
  /// - Parameter progress: told the strategy's name and how much of its run is over, from 0 to 1.
  /// - Throws: `UnknownPolicyError`, `FleetError`.
  public init(
    scenario: Scenario, profile: Profile, calibration: Calibration, strategies: [Strategy],
    seed: UInt64, progress: ((String, Double) -> Void)? = nil
  ) throws {
    self.scenario = scenario
    self.seed = seed
    let profile = scenario.configuration.said(profile)
    var runs: [FleetRun] = []
    for strategy in strategies {
      progress?(strategy.name, 0)
      let simulation = try FleetSimulation(
        configuration: scenario.configuration, profile: profile, calibration: calibration,
        strategy: strategy, seed: seed)
      runs.append(
        simulation.run(scenario: scenario.name) { progress?(strategy.name, $0) })
      progress?(strategy.name, 1)
    }
    // As often as the best policy offloads, but blindly.
    if let best = runs.filter({ $0.report.kind == .policy }).min(by: {
      $0.report.meanCost < $1.report.meanCost
    }), runs.contains(where: { $0.report.kind == .fixed }) {
      let random = Strategy.random(share: best.report.offloadRate)
      progress?(random.name, 0)
      let simulation = try FleetSimulation(
        configuration: scenario.configuration, profile: profile, calibration: calibration,
        strategy: random, seed: seed)
      runs.append(simulation.run(scenario: scenario.name) { progress?(random.name, $0) })
      progress?(random.name, 1)
    }
    let isShared = scenario.configuration.edge.isShared
    let oracles = runs.filter { $0.report.kind == .oracle }
    reports = runs.map { run in
      var report = run.report
      if report.kind == .oracle { report.oracle = isShared ? "bound" : "exact" }
      report.regret = oracles.filter { $0.report.strategy != report.strategy }.map { oracle in
        let interval = PairedBootstrap.difference(run.blocks, oracle.blocks, seed: seed)
        let mean = report.meanCost - oracle.report.meanCost
        // An utterance that began late met another moment than the oracle's.
        let isExact = !isShared && report.delayedBegins == 0 && report.lostToBattery == 0
        return Regret(
          against: oracle.report.strategy, oracle: isExact ? "exact" : "bound", mean: mean,
          interval: interval ?? [mean, mean])
      }
      return report
    }
  }

  /// One JSON object a line, one line a strategy, keys sorted: the same run gives the same bytes.
  public func jsonLines() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var data = Data()
    for report in reports {
      data += try encoder.encode(report)
      data.append(0x0A)
    }
    return data
  }

  /// A page without external assets; the same run gives the same bytes.
  public func html() -> String { HTMLReport(self).text }

  /// The cheapest strategy that does the same with every utterance; nil if none ran.
  public var bestFixed: StrategyReport? {
    reports.filter { $0.kind == .fixed }.min { $0.meanCost < $1.meanCost }
  }

  /// The cheapest policy that ships; nil if none ran.
  public var bestPolicy: StrategyReport? {
    reports.filter { $0.kind == .policy }.min { $0.meanCost < $1.meanCost }
  }

  /// How much more the best fixed strategy costs than the informed oracle, as a share of the oracle's cost: a
  /// scenario in which it is less than 0.15 says little about deciding. nil without either.
  public var headroom: Double? {
    guard let fixed = bestFixed,
      let oracle = reports.first(where: { $0.strategy == Strategy.informedOracle.name }),
      oracle.meanCost > 0
    else { return nil }
    return fixed.meanCost / oracle.meanCost - 1
  }

  /// The share of the gap between the best fixed strategy and the informed oracle that a policy closes.
  public func gapClosed(_ report: StrategyReport) -> Double? {
    guard let fixed = bestFixed,
      let oracle = reports.first(where: { $0.strategy == Strategy.informedOracle.name }),
      fixed.meanCost > oracle.meanCost
    else { return nil }
    return (fixed.meanCost - report.meanCost) / (fixed.meanCost - oracle.meanCost)
  }
}
