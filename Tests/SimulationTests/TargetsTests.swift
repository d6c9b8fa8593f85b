import Foundation
import Offload
import Testing

@testable import Simulation

@Suite struct TargetsTests {
  private static let yaml = """
    name: Small home
    description: For a test.
    hours: 1
    devices:
      count: 2
      classes: {singleBoard: 1}
    arrivals: {kind: poisson, perHour: 6}
    link:
      roundTripSeconds: 0.03
      fallback: {kind: gilbertElliott, goodMegabitsPerSecond: 1, badMegabitsPerSecond: 0.02, goodSeconds: 60, badSeconds: 30}
    edge: {workers: 2, shared: false, background: [[0, 0.3]]}
    """

  private func run(seed: UInt64) throws -> TargetsRun {
    let whole = try Fixtures.profile(utterances: 160)
    let played = try #require(whole.filtered { $1 % 2 == 1 })
    let fitted = try #require(whole.filtered { $1 % 2 == 0 })
    #expect(played.utterances.count == 80)
    let scenario = try Scenario(yaml: Self.yaml, path: "small.yaml", shared: nil)
    return try TargetsRun(
      .init(
        scenarios: [("home-wifi", scenario)], played: played,
        calibration: Fixtures.calibration(fitted), seed: seed, banditSeeds: 2, banditHours: 2))
  }

  @Test func theSameSeedGivesTheSameBytes() throws {
    let first = try run(seed: 7)
    let second = try run(seed: 7)
    #expect(try first.jsonLines() == second.jsonLines())
    #expect(first.html() == second.html())
    #expect(try run(seed: 8).jsonLines() != first.jsonLines())

    let scenario = try #require(first.scenarios.first)
    #expect(scenario.isTuned && scenario.oracle == "exact")
    #expect(scenario.clairvoyantCost <= scenario.informedCost)
    #expect(scenario.counts == (scenario.headroom >= 0.15))
    #expect(scenario.policies.map(\.policy) == PolicyRegistry.names)
    #expect(first.deadline.isMet && first.deadline.utterances > 40)
    #expect(first.bandit.count == 5)
    #expect(first.bandit.allSatisfy { $0.windowCost > 0 })
    // A budget is kept, and the threshold that it is compared with keeps it too.
    #expect(first.budget.count == 2)
    for budget in first.budget {
      #expect(budget.exceeded == 0 && budget.mostOnADay <= budget.megabytesPerDay)
      #expect(budget.bestThresholdMegabytes <= budget.megabytesPerDay)
    }
    let page = first.html()
    #expect(page.contains("Small home") && !page.contains("http"))
  }

  /// A scenario counts from 15 % on, and a policy must do both: close the gap and nowhere be dearer.
  @Test func whatIsMetIsWhatTheNumbersSay() throws {
    var scenario = try #require(try run(seed: 7).scenarios.first)
    func gap(_ closed: Double, _ above: Double) -> GapMeasurement? {
      scenario.counts = true
      scenario.policies = [
        .init(
          policy: ModelBasedPolicy.name, meanCost: 1, gapClosed: closed, aboveFixed: above,
          offloadRate: 0, aheadRate: 0, withdrawnRate: 0, wordErrorRate: 0, deadlineMisses: 0)
      ]
      return GapMeasurement([scenario])
    }
    #expect(gap(0.6, 0.02)?.isMet == true)
    #expect(gap(0.59, 0)?.isMet == false)
    #expect(gap(0.9, 0.03)?.isMet == false)
    #expect(gap(0.9, 0)?.areEnoughScenarios == false)
    scenario.counts = false
    #expect(GapMeasurement([scenario]) == nil)
    scenario.policies[0].deadlineMisses = 3
    #expect(DeadlineMeasurement([scenario]).misses == 3)
    #expect(DeadlineMeasurement([scenario]).isMet == false)
  }
}
