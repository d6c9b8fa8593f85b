import Foundation
import Offload
import Testing

@testable import Simulation

@Suite struct FleetTests {
  private func run(
    _ strategy: Strategy, _ configuration: FleetConfiguration, seed: UInt64 = 7,
    profile: Profile? = nil
  ) throws -> FleetRun {
    let profile = try profile ?? Fixtures.profile()
    return try FleetSimulation(
      configuration: configuration, profile: profile,
      calibration: Fixtures.calibration(profile), strategy: strategy, seed: seed
    ).run(scenario: "test")
  }

  /// All that choose among what the oracles choose among: the baselines send something else.
  private static func ours(_ profile: Profile) -> [Strategy] {
    Strategy.all(profile: profile).filter { if case .baseline = $0 { false } else { true } }
  }

  private func json(_ report: StrategyReport) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return try encoder.encode(report)
  }

  @Test func theSameSeedGivesTheSameBytes() throws {
    let profile = try Fixtures.profile()
    for isShared in [false, true] {
      var configuration = Fixtures.configuration(isShared: isShared)
      configuration.outages = (meanUpSeconds: 60, meanDownSeconds: 10)
      for strategy in Strategy.all(profile: profile) {
        let first = try json(run(strategy, configuration, profile: profile).report)
        #expect(try json(run(strategy, configuration, profile: profile).report) == first)
        #expect(try json(run(strategy, configuration, seed: 8, profile: profile).report) != first)
      }
    }
  }

  @Test func allStrategiesMeetTheSameUtterances() throws {
    let profile = try Fixtures.profile()
    let reports = try Strategy.all(profile: profile).map {
      try run($0, Fixtures.configuration(), profile: profile).report
    }
    #expect(reports[0].utterances > 400)
    for report in reports {
      #expect(report.utterances == reports[0].utterances, "\(report.strategy)")
      #expect(report.referenceWords == reports[0].referenceWords, "\(report.strategy)")
      #expect(report.answeredBy.values.reduce(0, +) == report.utterances)
      #expect(
        report.timeline.map(\.megabitsPerSecond) == reports[0].timeline.map(\.megabitsPerSecond))
    }
  }

  /// Where links and load are exogenous nothing can beat the oracle that knows all of it.
  @Test(arguments: SpeculationSettings.Mode.allCases)
  func noStrategyBeatsTheClairvoyantOracle(mode: SpeculationSettings.Mode) throws {
    let profile = try Fixtures.profile()
    var sentAhead = 0.0
    var withdrawn = 0.0
    for (number, rate) in [
      RateTrace.constant(bitsPerSecond: 60_000), .constant(bitsPerSecond: 5e6),
      RateTrace(starts: [0, 40, 55], rates: [2e6, 0, 100_000], period: 90),
    ].enumerated() {
      for crashes in [Outages.none, Outages(windows: [900...1_500])] {
        var configuration = Fixtures.configuration(rate: rate, crashes: crashes)
        configuration.conditions.loss = 0.02
        configuration.conditions.queuedBytes = 300
        configuration.classes = [(class: .phone, weight: 1), (class: .microcontroller, weight: 1)]
        configuration.speculation = SpeculationSettings(mode: mode, threshold: 0.3)
        if number == 1 { configuration.outages = (meanUpSeconds: 100, meanDownSeconds: 15) }
        let oracle = try run(.clairvoyantOracle, configuration, profile: profile)
        for strategy in Self.ours(profile) {
          let other = try run(strategy, configuration, profile: profile)
          #expect(other.report.delayedBegins == 0)
          #expect(oracle.report.meanCost <= other.report.meanCost + 1e-9, "\(strategy.name)")
          // Not only on average: in every block of utterances.
          for (best, block) in zip(oracle.blocks, other.blocks) {
            #expect(best.utterances == block.utterances)
            #expect(best.cost <= block.cost + 1e-6, "\(strategy.name)")
          }
          if strategy.kind == .policy {
            sentAhead += other.report.aheadRate
            withdrawn += other.report.withdrawnBytesPerUtterance
          }
        }
      }
    }
    // Nothing is shown where nothing was sent ahead, or all of it was of use.
    #expect((sentAhead > 0.1) == (mode != .off))
    #expect((withdrawn > 10) == (mode != .off))
  }

  /// Where the edge is shared the oracle waits for nobody: a bound that holds all the same.
  @Test func noStrategyBeatsTheBound() throws {
    let profile = try Fixtures.profile()
    var configuration = Fixtures.configuration(devices: 60, isShared: true)
    configuration.edge.workers = 1
    configuration.edge.operationsPerSecond = 3e9
    configuration.edge.queueLimit = 8
    let bound = try run(.clairvoyantOracle, configuration, profile: profile).report.meanCost
    for strategy in Self.ours(profile) where strategy.kind != .oracle {
      #expect(try bound <= run(strategy, configuration, profile: profile).report.meanCost)
    }
  }

  @Test func randomOffloadsAtItsRate() throws {
    let report = try run(.random(share: 0.3), Fixtures.configuration(seconds: 7_200)).report
    #expect(abs(report.offloadRate - 0.3) < 0.05)
    #expect(report.answeredBy["exit 4", default: 0] > report.utterances / 2)
  }

  /// The informed oracle knows less than the clairvoyant one and more than any device: it lies between them, up to
  /// chance, which its classes of confidence leave some of.
  @Test func theInformedOracleLiesBetween() throws {
    let profile = try Fixtures.profile(utterances: 400)
    for rate in [60_000.0, 1e6] {
      let configuration = Fixtures.configuration(
        seconds: 7_200, rate: .constant(bitsPerSecond: rate))
      let informed = try run(.informedOracle, configuration, profile: profile).report.meanCost
      let clairvoyant = try run(.clairvoyantOracle, configuration, profile: profile).report.meanCost
      #expect(clairvoyant < informed)
      for strategy in Strategy.all(profile: profile) where strategy.kind != .oracle {
        let cost = try run(strategy, configuration, profile: profile).report.meanCost
        #expect(informed <= cost * 1.02, "\(strategy.name) at \(rate) bit/s")
      }
    }
  }

  @Test func latenciesAreWhatTheArithmeticSays() throws {
    // One utterance length, no jitter, no background: every answer takes the same time.
    let made = try Fixtures.profile()
    var one = made.utterances[0]
    one.seconds = 4
    one.edge = one.edge.map {
      var edge = $0
      edge.bytes = 14_800
      return edge
    }
    one.prefixes = nil
    var header = made.header
    header.prefixSeconds = nil
    let profile = try Profile(header: header, utterances: [one])
    var configuration = Fixtures.configuration(devices: 2, isShared: false)
    configuration.streams = false
    configuration.conditions = LinkConditions(roundTrip: 0.1)
    configuration.edge.background = []
    let report = try run(.edge(splitLayer: 0, codec: 1), configuration, profile: profile).report
    // 100 frames of front end; 13 packets with framing at 1 Mbit/s; a round trip; eight blocks and the second pass.
    let frontEnd = 100 * 1e6 / 30e9
    let sending = (14_800.0 + 13 * 100) * 8 / 1e6
    let serving = 100 * (8e6 + 3e6) / 50e9
    let expected = frontEnd + sending + 0.1 + serving
    let median = try #require(report.medianLatency)
    #expect(median >= expected && median <= expected * 1.024)
    #expect(report.offloadRate == 1 && report.bytesPerUtterance == 14_800 + 1_300 + 600)

    let local = try run(.exit(2), configuration, profile: profile).report
    let computing = 100 * (1e6 + 4e6 + 2 * 6e4) / 30e9
    let localMedian = try #require(local.medianLatency)
    #expect(localMedian >= computing && localMedian <= computing * 1.024)
    #expect(local.bytesPerUtterance == 0 && local.offloadRate == 0)
    #expect(abs(local.joulesPerUtterance - 100 * 5.12e6 * 0.1e-9) < 1e-9)
  }

  /// What is computed and sent while the user speaks is not waited for.
  @Test func streamingLeavesOnlyTheLastChunk() throws {
    let made = try Fixtures.profile()
    var one = made.utterances[0]
    one.seconds = 4
    one.prefixes = (1...12).map { .init(seconds: Double($0) * 0.32, exits: []) }
    one.edge = one.edge.map {
      var edge = $0
      edge.bytes = 14_800
      return edge
    }
    let profile = try Profile(header: made.header, utterances: [one])
    var configuration = Fixtures.configuration(devices: 2, isShared: false)
    configuration.conditions = LinkConditions(roundTrip: 0.1)
    configuration.edge.background = []
    // Twelve chunks of eight frames are computed when the user stops, and four frames are left.
    let local = try run(.exit(2), configuration, profile: profile).report
    let computing = 4 * (1e6 + 4e6 + 2 * 6e4) / 30e9
    let localMedian = try #require(local.medianLatency)
    #expect(localMedian >= max(computing, 1e-3) && localMedian <= max(computing, 1e-3) * 1.024)
    // The work is the same.
    #expect(abs(local.joulesPerUtterance - 100 * 5.12e6 * 0.1e-9) < 1e-9)

    for isShared in [false, true] {
      configuration.edge.isShared = isShared
      let report = try run(
        .edge(splitLayer: 0, codec: 1, ahead: true), configuration, profile: profile
      ).report
      let last = 4 * 1e6 / 30e9 + (4.0 * 148 + 100) * 8 / 1e6
      let expected = last + 0.1 + 100 * (8e6 + 3e6) / 50e9
      let median = try #require(report.medianLatency)
      #expect(median >= expected * 0.999 && median <= expected * 1.03)
      #expect(report.aheadRate > 0.9 && report.withdrawnBytesPerUtterance == 0)
      // Thirteen packets, as without.
      #expect(abs(report.bytesPerUtterance - (14_800 + 1_300 + 600)) < 3)
    }
  }

  /// Even a microcontroller has a transcript when the user stops, so nobody waits longer than the deadline.
  @Test func everyAnswerIsThereByTheDeadline() throws {
    let profile = try Fixtures.profile()
    for isShared in [false, true] {
      var configuration = Fixtures.configuration(
        isShared: isShared,
        rate: RateTrace(starts: [0, 40, 55], rates: [2e5, 0, 20_000], period: 90),
        crashes: Outages(windows: [900...1_500]))
      configuration.classes = [(class: .microcontroller, weight: 1)]
      configuration.outages = (meanUpSeconds: 60, meanDownSeconds: 20)
      for name in PolicyRegistry.names {
        let report = try run(.policy(name), configuration, profile: profile).report
        #expect(report.deadlineMisses == 0 && report.unanswered == 0, "\(name)")
        #expect(report.delayedBegins == 0, "\(name)")
      }
    }
  }

  @Test func aSharedEdgeWithLittleToDoIsAsAnExogenousOne() throws {
    let profile = try Fixtures.profile()
    var shared = Fixtures.configuration(devices: 3, isShared: true)
    shared.edge.background = []
    shared.edge.workers = 50
    var exogenous = shared
    exogenous.edge.isShared = false
    for strategy in [Strategy.edge(splitLayer: 0, codec: 1), .policy("always-edge")] {
      let first = try run(strategy, shared, profile: profile).report
      let second = try run(strategy, exogenous, profile: profile).report
      #expect(abs(first.meanCost - second.meanCost) < 1e-3 * second.meanCost)
      #expect(first.answeredBy == second.answeredBy)
      #expect(first.events > 3 * second.events, "the shared one goes through the queue")
    }
  }

  @Test func aDeadEdgeCostsNoAnswer() throws {
    for isShared in [false, true] {
      let crashes = Outages(windows: [1_000...2_000])
      let configuration = Fixtures.configuration(isShared: isShared, crashes: crashes)
      let stubborn = try run(.edge(splitLayer: 0, codec: 1), configuration).report
      #expect(stubborn.unanswered == 0 && stubborn.deadlineMisses == 0)
      #expect(stubborn.fallbacks["edge-unreachable", default: 0] > 100)
      // A policy that looks at the link stays local meanwhile.
      let report = try run(.policy("always-edge"), configuration).report
      #expect(report.unanswered == 0 && report.deadlineMisses == 0)
      let during = report.timeline.filter { $0.from > 1_100 && $0.from < 1_900 }
      #expect(during.allSatisfy { ($0.offloadRate ?? 0) < 0.2 })
      // After it the edge is used again.
      let late = report.timeline.filter { $0.from > 2_200 && $0.utterances > 0 }
      #expect(late.allSatisfy { ($0.offloadRate ?? 0) > 0.9 })

      var unhedged = configuration
      unhedged.hedge = false
      #expect(try run(.edge(splitLayer: 0, codec: 1), unhedged).report.unanswered > 20)
    }
  }

  @Test func outagesEndAtTheDeadline() throws {
    var configuration = Fixtures.configuration(isShared: true)
    configuration.outages = (meanUpSeconds: 60, meanDownSeconds: 30)
    let report = try run(.edge(splitLayer: 0, codec: 1), configuration).report
    #expect(report.fallbacks["deadline", default: 0] > 20)
    #expect(report.deadlineMisses == 0)
    #expect(try #require(report.latency99) <= 2 * 1.024)
  }

  /// The edge finishes in time, but its answer is still on the way when the deadline strikes.
  @Test func anAnswerThatComesTooLateIsNotWaitedFor() throws {
    for isShared in [false, true] {
      var configuration = Fixtures.configuration(isShared: isShared)
      configuration.conditions = LinkConditions(roundTrip: 2.4)
      // Connecting takes a while here, too.
      configuration.connectSeconds = 20
      configuration.edge.background = []
      let report = try run(.edge(splitLayer: 0, codec: 1), configuration).report
      #expect(report.answeredBy["edge", default: 0] == 0)
      #expect(report.fallbacks["deadline"] == report.utterances)
      #expect(try #require(report.latency99) <= 2 * 1.024)
    }
  }

  /// What is under way when the edge dies is lost at once, and the device does not wait for the deadline.
  @Test func aCrashLosesWhatIsUnderWay() throws {
    for isShared in [false, true] {
      var configuration = Fixtures.configuration(
        devices: 40, isShared: isShared,
        crashes: Outages(
          windows: (0..<30).map { 100.0 * Double($0) + 50...100.0 * Double($0) + 51 }))
      configuration.edge.workers = 40
      configuration.edge.operationsPerSecond = 1e9
      configuration.edge.background = []
      let report = try run(.edge(splitLayer: 0, codec: 1), configuration).report
      #expect(report.fallbacks["edge-lost", default: 0] > 5)
      #expect(report.unanswered == 0 && report.deadlineMisses == 0)
    }
  }

  /// Long utterances take the edge longer than the deadline: its worker and its stream are free again afterwards.
  @Test func whatIsGivenUpIsFreedAtTheEdge() throws {
    var configuration = Fixtures.configuration(seconds: 4 * 3600, devices: 4, isShared: true)
    configuration.edge.workers = 1
    configuration.edge.streamLimit = 3
    configuration.edge.operationsPerSecond = 0.8e9
    configuration.edge.background = []
    let report = try run(.edge(splitLayer: 0, codec: 1), configuration).report
    #expect(report.fallbacks["deadline", default: 0] > 100)
    #expect(report.answeredBy["edge", default: 0] > report.utterances / 4)
    #expect(report.fallbacks["edge-refused-overload", default: 0] < report.utterances / 20)
  }

  @Test func anOverloadedEdgeRefuses() throws {
    let profile = try Fixtures.profile()
    var configuration = Fixtures.configuration(seconds: 600, devices: 200, isShared: true)
    configuration.edge.workers = 1
    configuration.edge.operationsPerSecond = 1e9
    configuration.edge.queueLimit = 4
    let report = try run(.edge(splitLayer: 0, codec: 1), configuration, profile: profile).report
    #expect(report.fallbacks["edge-refused-overload", default: 0] > 100)
    #expect(report.unanswered == 0 && report.deadlineMisses == 0)
  }

  /// Policies that learn are told what became of each utterance: the budget holds, every day and device.
  @Test func aBudgetHolds() throws {
    var configuration = Fixtures.configuration(seconds: 2 * 86_400, devices: 1)
    configuration.arrivals = .poisson(perHour: 30)
    configuration.budget = Budget(resource: .megabytes, perDay: 0.5)
    let report = try run(.policy("budget"), configuration).report
    let megabytes = report.bytesPerUtterance * Double(report.utterances) * 1e-6
    #expect(megabytes > 0.5 && megabytes <= 1)
    #expect(report.unanswered == 0)
    configuration.budget = nil
    #expect(try run(.policy("budget"), configuration).report.offloadRate == 0)
  }

  /// On a good link the bandit learns to use it, on a dead one to leave it alone.
  @Test func theBanditLearnsWhatTheLinkIsWorth() throws {
    let good = try run(
      .policy("bandit"), Fixtures.configuration(rate: .constant(bitsPerSecond: 5e6))
    ).report
    let bad = try run(
      .policy("bandit"), Fixtures.configuration(rate: .constant(bitsPerSecond: 15_000))
    ).report
    #expect(good.offloadRate > 2 * bad.offloadRate)
  }

  @Test func emptyBatteriesEndIt() throws {
    var configuration = Fixtures.configuration()
    configuration.batteryJoules = [.phone: 2]
    let report = try run(.exit(4), configuration).report
    #expect(report.lostToBattery > 0)
    #expect(report.joulesPerUtterance * Double(report.utterances) / 10 < 2 + 1)
  }

  /// Memory is bounded by the devices, events by the utterances: both linear, whatever the time.
  @Test func eventsGrowWithUtterancesAndWaitWithDevices() throws {
    let profile = try Fixtures.profile()
    func measure(hours: Double, devices: Int) throws -> StrategyReport {
      try run(
        .policy("confidence"),
        Fixtures.configuration(seconds: 3600 * hours, devices: devices, isShared: true),
        profile: profile
      ).report
    }
    let short = try measure(hours: 1, devices: 20)
    let long = try measure(hours: 4, devices: 20)
    #expect(abs(Double(long.events) / Double(short.events) / 4 - 1) < 0.15)
    #expect(long.peakEvents <= short.peakEvents + 30)
  }

  @Test func strategiesThatTheProfileDoesNotCoverAreNamed() throws {
    #expect(throws: FleetError.noSuchExit(9, exits: 4)) {
      try run(.exit(9), Fixtures.configuration())
    }
    #expect(throws: FleetError.notProfiled(splitLayer: 4, codec: 1)) {
      try run(.edge(splitLayer: 4, codec: 1), Fixtures.configuration())
    }
    #expect(throws: FleetError.noSuchBaseline("opus-6", known: ["opus-12"])) {
      try run(.baseline("opus-6"), Fixtures.configuration())
    }
    #expect(throws: UnknownPolicyError.self) {
      try run(.policy("oracle"), Fixtures.configuration())
    }
  }

  @Test func pairedIntervalsCoverTheDifference() {
    var generator = SeededGenerator(seed: 12)
    var covered = 0
    for trial in 0..<200 {
      var first: [PairedBootstrap.Block] = []
      var second: [PairedBootstrap.Block] = []
      for _ in 0..<60 {
        let common = generator.exponential(mean: 5)
        first.append(.init(cost: common + 1 + generator.uniform() - 0.5, utterances: 1))
        second.append(.init(cost: common + generator.uniform() - 0.5, utterances: 1))
      }
      guard
        let interval = PairedBootstrap.difference(first, second, seed: UInt64(trial), samples: 400)
      else { continue }
      if interval[0] <= 1, 1 <= interval[1] { covered += 1 }
      // The common part, ten times as noisy, has gone.
      #expect(interval[1] - interval[0] < 0.5)
    }
    #expect(covered >= 178)
    #expect(PairedBootstrap.interval([], seed: 1) == nil)
  }
}
