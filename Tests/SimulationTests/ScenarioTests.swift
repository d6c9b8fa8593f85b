import Foundation
import Offload
import Testing

@testable import Simulation

@Suite struct ScenarioTests {
  private static let good = """
    name: Test
    description: A test.
    hours: 1
    devices:
      count: 3
      classes: {phone: 2, laptop: 1}
    arrivals: {kind: poisson, perHour: 30}
    link:
      roundTripSeconds: 0.05
      fallback: {kind: constant, megabitsPerSecond: 2}
    edge:
      workers: 2
      background: [[0, 0.5]]
    """

  private func error(_ yaml: String) -> ScenarioError? {
    do {
      _ = try Scenario(yaml: yaml, path: "s", shared: nil)
      return nil
    } catch { return error as? ScenarioError }
  }

  private func changed(_ old: String, _ new: String) -> ScenarioError? {
    #expect(Self.good.contains(old))
    return error(Self.good.replacingOccurrences(of: old, with: new))
  }

  @Test func whatItSaysIsWhatIsRun() throws {
    let configuration = try Scenario(yaml: Self.good, path: "s", shared: nil).configuration
    #expect(configuration.seconds == 3_600 && configuration.deviceCount == 3)
    #expect(configuration.classes.map(\.class) == [.phone, .laptop])
    #expect(configuration.traces.allSatisfy { $0.meanRate == 2e6 })
    #expect(configuration.edge.background == [.init(fromSecond: 0, utilisation: 0.5)])
    #expect(configuration.deadline == 2 && configuration.codec == 1 && configuration.hedge)
    #expect(configuration.observesStalls, "as the device that ships")
  }

  @Test func whatIsWrongIsNamed() {
    guard
      case .unknownKey("s", 5, "devices.cuont", let known) = changed(
        "  count: 3", "  cuont: 3\n  count: 3")
    else {
      Issue.record("an unknown key must be named with its line")
      return
    }
    #expect(known.contains("count"))
    #expect(
      changed("perHour: 30", "perHuor: 30")
        == .missingKey(path: "s", line: 7, key: "arrivals.perHour"))
    guard case .unknownKey(_, _, "extra", _) = error(Self.good + "\nextra: 1") else {
      Issue.record("an unknown key at the top must be named")
      return
    }
    guard
      case .unknownKey(_, _, "link.fallback.rate", _) = changed("constant,", "constant, rate: 1,")
    else {
      Issue.record("an unknown key of the fall-back must be named")
      return
    }
    guard case .unknownKey(_, _, "devices.classes.tablet", _) = changed("laptop: 1", "tablet: 1")
    else {
      Issue.record("an unknown class must be named")
      return
    }
    #expect(
      changed("count: 3", "count: many")
        == .wrongValue(
          path: "s", line: 5, key: "devices.count", found: "many",
          expected: "a whole number from 1 to 1000000"))
    for (old, new) in [
      ("kind: poisson", "kind: uniform"), ("hours: 1", "hours: -1"),
      ("[[0, 0.5]]", "[[1, 0.5], [0, 0.2]]"), ("[[0, 0.5]]", "[0.5]"),
      ("{phone: 2, laptop: 1}", "{phone: 0}"), ("{phone: 2, laptop: 1}", "[phone]"),
      ("kind: poisson, perHour: 30", "kind: diurnal, perHour: 3, hourWeights: [1, 2]"),
      (
        "kind: constant, megabitsPerSecond: 2",
        "kind: markov, stepSeconds: 1, megabitsPerSecond: [1, 2], rows: [[1, 0], [0.5, 0.1]]"
      ),
    ] { #expect(changed(old, new) != nil, "\(new)") }
    guard case .malformed(_, _, _) = error("name: [") else {
      Issue.record("broken YAML must be named")
      return
    }
    #expect(error("") != nil && error("- a\n- b") != nil)
    #expect(
      changed("fallback: {kind: constant, megabitsPerSecond: 2}", "traces: [nowhere]")
        == .noTraces(path: "s", patterns: ["nowhere"]))
    #expect(throws: ScenarioError.unreadable(path: "/nowhere", reason: "there is no such file")) {
      try Scenario(path: "/nowhere")
    }
  }

  private static let files = {
    let folder = Fixtures.root + "/Config/scenarios"
    return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
      .filter { $0.hasSuffix(".yaml") }.sorted().map { folder + "/" + $0 }
  }()

  @Test func allNineAreThere() { #expect(Self.files.count >= 9) }

  /// Without the recordings every scenario falls back to its generator.
  @Test(arguments: files)
  func everyScenarioRunsWithoutRecordings(_ path: String) throws {
    let scenario = try Scenario(path: path, shared: nil)
    #expect(scenario.linkSource.contains("generator"))
    var configuration = scenario.configuration
    // Enough to see that it runs; the whole of it is for the command.
    configuration.deviceCount = min(configuration.deviceCount, 20)
    configuration.seconds = min(configuration.seconds, 3_600)
    let profile = try Fixtures.profile()
    for strategy in [Strategy.policy("confidence"), .edge(splitLayer: 0, codec: 1)] {
      let report = try FleetSimulation(
        configuration: configuration, profile: profile,
        calibration: Fixtures.calibration(profile), strategy: strategy, seed: 1
      ).run(scenario: scenario.name).report
      #expect(report.utterances > 50 && report.unanswered == 0)
    }
  }

  /// The fall-back's median rate is near that of the recordings that it stands in for.
  @Test(.enabled(if: Fixtures.shared != nil, "../shared/traces is not here"), arguments: files)
  func fallbacksAreLikeTheRecordings(_ path: String) throws {
    func middle(_ scenario: Scenario) -> Double {
      let rates = scenario.configuration.traces.map(\.meanRate).sorted()
      return rates.reduce(0, +) / Double(rates.count)
    }
    let real = try Scenario(path: path, shared: Fixtures.shared)
    let made = try Scenario(path: path, shared: nil)
    #expect(real.linkSource.contains("recordings of"))
    let ratio = middle(made) / middle(real)
    // One family of several stands for all in the largest scenario.
    let limit = path.contains("ten-thousand") ? 20.0 : 1.6
    #expect(ratio > 1 / limit && ratio < limit, "\(ratio)")
  }
}
