import Testing

@testable import Offload

@Suite struct ReplayTests {
  /// A link that is much slower than anybody assumes: predictions are wrong, measurements are not.
  static let truth = SmallWorld.Truth(bandwidth: 150e3, roundTrip: 0.1, wait: 0.2)

  /// Draws among stopping, going on and the cheapest offload, nearly evenly.
  static func explorer() -> any Policy {
    ModelBasedPolicy(
      SmallWorld.settings(damped: DampedChoice(temperature: 3, maximumTemperature: 3)))
  }

  static func target() -> any Policy { ModelBasedPolicy(SmallWorld.settings(damped: .none)) }

  static func rows(_ policy: any Policy, count: Int, seed: UInt64) -> [UtteranceReplay.Row] {
    var world = SmallWorld(truth, seed: seed)
    return (0..<count).map { _ in world.next(policy).row }
  }

  static func report(_ rows: [UtteranceReplay.Row], _ policy: any Policy, seed: UInt64 = 1)
    -> ReplayReport
  {
    let replay = UtteranceReplay(
      policy: policy, model: Fixtures.shape,
      costs: CostPredictor(model: .standard, deviceClass: .singleBoard), deadline: 2, seed: seed)
    return ReplayReport(
      policy: policy.name,
      utterances: rows.enumerated().compactMap { replay.replay($1, number: UInt64($0)) },
      seed: seed)
  }

  /// Against the truth, found by running the other policy itself: the estimators are unbiased and their 95 % intervals
  /// hold the truth nearly as often as they say; the predictions alone do neither.
  @Test func estimatorsAreUnbiasedAndCover() throws {
    let target = Self.target()
    let truths = Self.rows(target, count: 40_000, seed: 77).map(\.actualTotal)
    let truth = truths.reduce(0, +) / Double(truths.count)
    struct Tally {
      var sum = 0.0
      var squares = 0.0
      var covered = 0
      mutating func add(_ estimate: ReplayEstimate, _ truth: Double) {
        sum += estimate.mean
        squares += estimate.mean * estimate.mean
        if estimate.lower <= truth, truth <= estimate.upper { covered += 1 }
      }
    }
    var inverse = Tally()
    var robust = Tally()
    var predicted = Tally()
    let runs = 400
    for run in 0..<runs {
      let report = Self.report(
        Self.rows(Self.explorer(), count: 300, seed: UInt64(1000 + run)), target, seed: UInt64(run))
      #expect(report.rows == 300 && report.unsupportedRows == 0)
      inverse.add(try #require(report.inversePropensity), truth)
      robust.add(try #require(report.doublyRobust), truth)
      predicted.add(try #require(report.predicted), truth)
    }
    func summary(_ name: String, _ tally: Tally) -> (bias: Double, error: Double, coverage: Double)
    {
      let mean = tally.sum / Double(runs)
      let deviation = max(tally.squares / Double(runs) - mean * mean, 0).squareRoot()
      let coverage = Double(tally.covered) / Double(runs)
      print(
        "replay, \(name): truth \(truth), bias \(mean - truth), deviation \(deviation), coverage \(coverage)"
      )
      return (mean - truth, deviation, coverage)
    }
    let byInverse = summary("inverse propensity", inverse)
    let byRobust = summary("doubly robust", robust)
    let byModel = summary("predicted only", predicted)
    // Four standard errors of the mean of all runs, and of the truth itself.
    let slack = 0.01 * truth
    #expect(abs(byInverse.bias) < 4 * byInverse.error / Double(runs).squareRoot() + slack)
    #expect(abs(byRobust.bias) < 4 * byRobust.error / Double(runs).squareRoot() + slack)
    #expect(byInverse.coverage > 0.87)
    #expect(byRobust.coverage > 0.87)
    #expect(byRobust.error < byInverse.error)
    #expect(abs(byModel.bias) > 4 * slack)
    #expect(byModel.coverage < 0.5)
  }

  /// Who goes through all exits sees what stopping at each would have cost.
  @Test func aLogOfAllExitsIsExactForAnyLocalPolicy() throws {
    var settings = SmallWorld.settings()
    settings.calibration = SmallWorld.calibration
    let rows = Self.rows(AlwaysLocalPolicy(settings), count: 500, seed: 5)
    var local = settings
    // Stops at the first exit that is sure, and cannot offload: no packet would be in time.
    local.cloudLatency = 0
    let target = DeadlinePolicy(local)
    let report = Self.report(rows, target)
    #expect(report.exactRows == 500)
    let itself = Self.rows(target, count: 500, seed: 5)
    let truth = itself.map(\.actualTotal).reduce(0, +) / 500
    let exact = try #require(report.exact)
    #expect(abs(exact.mean - truth) < 1e-9)
    #expect(abs(exact.mean - (try #require(report.logged)).mean) > 0.01)
    #expect(report.offloadRate == 0)
    #expect(report.effectiveRows == 500)
  }

  @Test func aPolicyReplayedOnItsOwnLogCostsWhatItCost() throws {
    let rows = Self.rows(Self.target(), count: 300, seed: 6)
    let report = Self.report(rows, Self.target())
    #expect(report.exact == report.logged)
    #expect(report.inversePropensity == report.logged)
    let robust = try #require(report.doublyRobust)
    #expect(abs(robust.mean - (try #require(report.logged)).mean) < 1e-9)
  }

  /// A log that never tried cannot tell, and the report says so.
  @Test func withoutExplorationItIsNotDefined() {
    let rows = Self.rows(AlwaysLocalPolicy(SmallWorld.settings()), count: 100, seed: 7)
    let report = Self.report(rows, AlwaysEdgePolicy(SmallWorld.settings()))
    #expect(report.unsupportedRows == 100)
    #expect(report.inversePropensity == nil && report.doublyRobust == nil && report.exact == nil)
    #expect(report.predicted != nil)
    #expect(report.description.contains("not defined: in 100 of 100 rows"))
    #expect(report.description.contains("0 of 100 rows hold"))
    #expect(Self.report([], Self.target()).description.contains("no row can be replayed"))
  }

  /// The hedge computed exits beyond the last decision: they are looked at.
  @Test func theHedgesExitsCount() throws {
    let policy = AlwaysEdgePolicy(SmallWorld.settings())
    var row = try #require(Self.rows(policy, count: 1, seed: 8).first)
    #expect(row.decisions.count == 1 && row.exits.isEmpty)
    let local = AlwaysLocalPolicy(SmallWorld.settings())
    #expect(Self.report([row], local).exactRows == 0)
    row.exits = (1...4).map { Fixtures.exit($0, entropy: 0.3) }
    let report = Self.report([row], local)
    #expect(report.exactRows == 1)
    #expect(try #require(report.exact).mean > 0)
    #expect(report.unsupportedRows == 1)
  }

  @Test func whatWasNotSeenCannotBeReplayed() {
    var row = Self.rows(Self.target(), count: 1, seed: 9)[0]
    row.decisions[0].context = nil
    #expect(Self.report([row], Self.target()).rows == 0)
  }

  /// The bootstrap's interval of a mean is that of the normal distribution where that holds.
  @Test func theBootstrapKnowsTheMeansError() throws {
    var generator = SplitMix(seed: 10)
    let values = (0..<2000).map { _ in Double.random(in: 0...1, using: &generator) }
    let estimate = try #require(ReplayEstimate(values, seed: 3))
    let error = 1.96 * (1.0 / 12 / 2000).squareRoot()
    #expect(abs(estimate.upper - estimate.mean - error) < 0.15 * error)
    #expect(abs(estimate.mean - estimate.lower - error) < 0.15 * error)
    #expect(ReplayEstimate([], seed: 0) == nil)
    #expect(try #require(ReplayEstimate([4], seed: 0)).upper == 4)
  }
}
