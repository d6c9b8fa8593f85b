import Testing

@testable import Offload

@Suite struct ExpectedCostTests {
  static func settings(_ device: DeviceClass = .singleBoard) -> PolicySettings {
    var settings = SmallWorld.settings(damped: .none)
    settings.costs = CostPredictor(model: .standard, deviceClass: device)
    return settings
  }

  static func link(_ bandwidth: Double, roundTrip: Double = 0.03, spread: Double = 1)
    -> LinkEstimate
  {
    LinkEstimate(
      connectivity: .connected,
      bandwidth: Percentiles(
        tenth: bandwidth / spread, median: bandwidth, ninetieth: bandwidth * spread),
      roundTrip: Percentiles(
        tenth: roundTrip / spread, median: roundTrip, ninetieth: roundTrip * spread),
      sampleCount: 9, age: 1)
  }

  let all = (1...4).map { Fixtures.exit($0, entropy: 0.6) }

  /// The value of an offload, written out by hand.
  @Test func anOffloadIsWorthItsExpectation() throws {
    let plan = ExpectedCostPlan(Self.settings())
    let evidence = Fixtures.evidence(
      exits: all, link: Self.link(64_000, roundTrip: 0.1, spread: 4),
      edge: EdgeEstimate(expectedWait: 0.2, age: 0, price: 0.5))
    let predictions = plan.predictions(evidence)
    let values = plan.values(evidence, predictions) { cost in
      AnswerTimes(
        plan.costs.parts(ofOffload: cost, link: evidence.link, edge: evidence.edge),
        link: evidence.link, edge: evidence.edge, model: plan.costs.model)
    }
    let action = Action.offload(splitLayer: 8, codec: 1, packetDuration: 0.32)
    let index = try #require(predictions.firstIndex { $0.action == action })
    let cost = predictions[index].cost
    let bits = 8.0 * (100 * 148 + 13 * 100)
    let fast = bits / 256_000 + 0.025 + 0.2 * 0.105 + cost.serverSeconds
    let median = bits / 64_000 + 0.1
    let slow = bits / 16_000
    // Only the fast case is back within two seconds; otherwise the device's own transcript is given then.
    #expect(fast < 2 && median > 2 && slow > 2)
    let edge = 0.6 * 0.7 * 0.4
    let own = 0.6 * 0.7
    let expected =
      0.3 * fast + 0.7 * 2 + cost.energy * 0.05 + cost.bytes * 0.2e-6
      + cost.serverSeconds * 0.7 + (0.3 * edge + 0.7 * own) * 10
    #expect(abs(values[index] - expected) < 1e-9)
    let stop = try #require(predictions.firstIndex { $0.action == .stop(exit: 4) })
    #expect(abs(values[stop] - own * 10) < 1e-9)
  }

  @Test func theDecisionHasTheLowestExpectedCost() {
    let policy = ModelBasedPolicy(Self.settings())
    let plan = ExpectedCostPlan(Self.settings())
    var generator = SplitMix(seed: 3)
    for _ in 0..<2000 {
      let exits = (0..<Int.random(in: 0...4, using: &generator)).map {
        Fixtures.exit($0 + 1, entropy: Double.random(in: 0...1, using: &generator))
      }
      let evidence = Fixtures.evidence(
        exits: exits, deadline: Double.random(in: 0.1...3, using: &generator),
        link: Self.link(
          Double.random(in: 1e4...3e6, using: &generator),
          spread: Double.random(in: 1...4, using: &generator)))
      let predictions = plan.predictions(evidence)
      let values = plan.values(evidence, predictions) { cost in
        AnswerTimes(
          plan.costs.parts(ofOffload: cost, link: evidence.link, edge: evidence.edge),
          link: evidence.link, edge: evidence.edge, model: plan.costs.model)
      }
      let decision = policy.decide(evidence)
      let chosen = predictions.firstIndex { $0.action == decision.action }!
      #expect(values[chosen] == values.min())
      #expect(decision.reason.code == "cheapest")
    }
  }

  @Test func itWeighsLinkErrorsAndCodec() {
    let policy = ModelBasedPolicy(Self.settings())
    func action(_ exits: [ExitEvidence], _ link: LinkEstimate) -> Action {
      policy.decide(Fixtures.evidence(exits: exits, link: link)).action
    }
    // Unsure over a good link: offload, with the codec that ships less.
    guard case .offload(_, let codec, _) = action(all, Self.link(2e6)) else {
      Issue.record("stayed local although the edge is far better")
      return
    }
    #expect(codec == 1)
    // Sure: stop, however good the link.
    let sure = (1...4).map { Fixtures.exit($0, entropy: 0.01) }
    #expect(action(sure, Self.link(1e8)) == .stop(exit: 4))
    #expect(action([sure[0]], Self.link(1e8)) == .stop(exit: 1))
    // Unsure over a link that takes ten seconds, or none at all: local.
    #expect(action(all, Self.link(12_000)) == .stop(exit: 4))
    var down = Self.link(2e6)
    down.connectivity = .disconnected
    #expect(action(all, down) == .stop(exit: 4))
    #expect(policy.decide(Fixtures.evidence(exits: all, options: .none)).action == .stop(exit: 4))
  }

  /// The median is fine, the tenth percentile is not: one who compares medians gambles.
  @Test func percentilesCount() {
    let exits = (1...4).map { Fixtures.exit($0, entropy: 0.1) }
    let policy = ModelBasedPolicy(Self.settings())
    #expect(
      policy.decide(
        Fixtures.evidence(exits: exits, deadline: 0.6, link: Self.link(1e6))
      ).action.isOffload)
    #expect(
      !policy.decide(
        Fixtures.evidence(exits: exits, deadline: 0.6, link: Self.link(1e6, spread: 8))
      ).action.isOffload)
  }

  @Test func aSlowDeviceShipsBeforeItsFirstExit() {
    let evidence = Fixtures.evidence(link: Self.link(4e6))
    #expect(
      ModelBasedPolicy(Self.settings(.microcontroller)).decide(evidence).action
        == .offload(splitLayer: 0, codec: 1, packetDuration: 0.32))
    #expect(ModelBasedPolicy(Self.settings(.laptop)).decide(evidence).action == .nextExit)
  }

  @Test func deeperExitsMustBeReachedInTime() {
    let exits = [Fixtures.exit(1, entropy: 0.6)]
    let policy = ModelBasedPolicy(Self.settings(.microcontroller))
    let none = Fixtures.evidence(exits: exits, deadline: 0.1, options: .none)
    #expect(policy.decide(none).action == .stop(exit: 1))
    var patient = none
    patient.deadlineRemaining = 30
    #expect(
      ModelBasedPolicy(Self.settings(.laptop)).decide(patient).action == .nextExit)
  }

  @Test(arguments: ["model-based", "budget", "bandit", "deadline"])
  func withoutCalibrationTheLastExitIsTheAnswer(name: String) throws {
    var settings = Self.settings()
    settings.calibration = .empty
    settings.budget = Budget(resource: .megabytes, perDay: 0)
    settings.cloudLatency = 0.001
    let policy = try PolicyRegistry.policy(named: name, settings: settings)
    for count in 0...3 {
      #expect(
        policy.decide(Fixtures.evidence(exits: Array(all.prefix(count)))).action == .nextExit)
    }
    #expect(policy.decide(Fixtures.evidence(exits: all)).action == .stop(exit: 4))
  }

  @Test func swansonsRuleKeepsTheMeanOfAnExponentialWait() {
    let parts = OffloadParts(deviceSeconds: 0, bits: 0, serverSeconds: 0)
    let times = AnswerTimes(
      parts, link: Self.link(1e6, roundTrip: 0),
      edge: EdgeEstimate(
        expectedWait: 1, age: 0, price: 0), model: .standard)
    #expect(abs(times.expectation(deadline: 100).seconds - 1) < 0.01)
    let short = times.expectation(deadline: 0.5)
    #expect(abs(short.seconds - (0.3 * 0.105 + 0.7 * 0.5)) < 1e-12)
    #expect(short.inTime == 0.3)
    #expect(times.expectation(deadline: -1) == (0, 0))
  }

  // MARK: deadline

  @Test func deadlineOffloadsOnlyWhatIsBackInTime() {
    var settings = Self.settings()
    settings.cloudLatency = 0.5
    let policy = DeadlinePolicy(settings)
    let exits = [Fixtures.exit(1, entropy: 0.6)]
    #expect(policy.decide(Fixtures.evidence()).reason == .noExitYet)
    #expect(
      policy.decide(Fixtures.evidence(exits: [Fixtures.exit(1, entropy: 0.2)])).action
        == .stop(exit: 1))
    let steady = policy.decide(Fixtures.evidence(exits: exits, link: Self.link(1e6)))
    #expect(steady.action.isOffload)
    #expect(steady.reason.code == "in-time")
    // The same median, but nine times in ten is not in time.
    let shaky = policy.decide(Fixtures.evidence(exits: exits, link: Self.link(1e6, spread: 10)))
    #expect(shaky.action == .nextExit)
    #expect(shaky.reason.code == "deadline-too-short")
    // Allowed more, it goes.
    settings.cloudLatency = 3
    #expect(
      DeadlinePolicy(settings).decide(
        Fixtures.evidence(exits: exits, link: Self.link(1e6, spread: 10))
      ).action.isOffload)
    // The deadline counts as well.
    #expect(
      DeadlinePolicy(settings).decide(
        Fixtures.evidence(exits: exits, deadline: 0.5, link: Self.link(1e6, spread: 10))
      ).action == .nextExit)
    let waiting = EdgeEstimate(expectedWait: 1, age: 0, price: 0)
    #expect(
      !policy.decide(
        Fixtures.evidence(exits: exits, link: Self.link(1e6), edge: waiting)
      ).action.isOffload)
  }
}
