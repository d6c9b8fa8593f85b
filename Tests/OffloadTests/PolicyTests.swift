import Offload
import Testing

@Suite struct PolicyTests {
  @Test func registryMakesEveryPolicyItNames() throws {
    #expect(
      PolicyRegistry.names == [
        "always-local", "always-edge", "confidence", "deadline", "model-based", "budget", "bandit",
      ])
    for name in PolicyRegistry.names {
      let policy = try PolicyRegistry.policy(named: name, settings: Fixtures.settings())
      #expect(policy.name == name)
      #expect(policy.decide(Fixtures.evidence()).policy == name)
    }
  }

  @Test func unknownPolicyNamesTheKnownOnes() {
    let error = #expect(throws: UnknownPolicyError.self) {
      try PolicyRegistry.policy(named: "confidance", settings: Fixtures.settings())
    }
    #expect(
      error?.description
        == "no policy is called 'confidance'; known are "
        + PolicyRegistry.names.joined(separator: ", "))
  }

  @Test func alwaysLocalGoesThroughEveryExitAndNeverOffloads() {
    let policy = AlwaysLocalPolicy(Fixtures.settings())
    var exits: [ExitEvidence] = []
    for number in 1...4 {
      #expect(policy.decide(Fixtures.evidence(exits: exits)).action == .nextExit)
      exits.append(Fixtures.exit(number, entropy: 0))
    }
    let last = policy.decide(Fixtures.evidence(exits: exits))
    #expect(last.action == .stop(exit: 4))
    #expect(last.reason == .policyFixed)
  }

  @Test func alwaysEdgeOffloadsAtOnce() {
    let decision = AlwaysEdgePolicy(Fixtures.settings()).decide(Fixtures.evidence())
    #expect(decision.action == .offload(splitLayer: 0, codec: 1, packetDuration: 0.32))
    #expect(decision.reason == .policyFixed)
  }

  @Test func alwaysEdgeWaitsForItsSplitLayer() {
    let policy = AlwaysEdgePolicy(Fixtures.settings(splitLayer: 4))
    #expect(policy.decide(Fixtures.evidence()).action == .nextExit)
    let exits = [Fixtures.exit(1, entropy: 1), Fixtures.exit(2, entropy: 1)]
    #expect(
      policy.decide(Fixtures.evidence(exits: exits)).action
        == .offload(splitLayer: 4, codec: 1, packetDuration: 0.32))
  }

  @Test func alwaysEdgeStaysLocalOnlyForAKnownObstacle() {
    let policy = AlwaysEdgePolicy(Fixtures.settings())
    var down = Fixtures.goodLink
    down.connectivity = .disconnected
    let all = (1...4).map { Fixtures.exit($0, entropy: 1) }
    #expect(policy.decide(Fixtures.evidence(link: down)).action == .nextExit)
    let decision = policy.decide(Fixtures.evidence(exits: all, link: down))
    #expect(decision.action == .stop(exit: 4))
    #expect(decision.reason == .linkDown)
    #expect(policy.decide(Fixtures.evidence(link: .unknown)).action.isOffload)
    #expect(policy.decide(Fixtures.evidence(options: .none)).reason == .noEdge)
  }

  @Test func confidenceGoesOnUntilAnExitIsSure() {
    let policy = ConfidencePolicy(Fixtures.settings())
    let start = policy.decide(Fixtures.evidence())
    #expect(start.action == .nextExit)
    #expect(start.reason == .noExitYet)
    let unsure = policy.decide(Fixtures.evidence(exits: [Fixtures.exit(1, entropy: 0.21)]))
    #expect(unsure.action == .nextExit)
    #expect(
      unsure.reason
        == .notConfident(exit: 1, criterion: .frameEntropy, value: 0.21, threshold: 0.2))
    // Exactly at the threshold counts as sure.
    let sure = policy.decide(
      Fixtures.evidence(exits: [Fixtures.exit(1, entropy: 0.21), Fixtures.exit(2, entropy: 0.2)]))
    #expect(sure.action == .stop(exit: 2))
    #expect(sure.reason.code == "confident")
    #expect(sure.reason.description == "exit 2 is confident: frame entropy 0.2 <= 0.2")
  }

  @Test func confidenceCanLookAtTheSentencePosterior() {
    let policy = ConfidencePolicy(Fixtures.settings(criterion: .sentencePosterior))
    let sure = Fixtures.exit(1, entropy: 9, posterior: 0.95)
    let unsure = Fixtures.exit(1, entropy: 0, posterior: 0.85)
    #expect(policy.decide(Fixtures.evidence(exits: [sure])).action == .stop(exit: 1))
    #expect(policy.decide(Fixtures.evidence(exits: [unsure])).action == .nextExit)
  }

  @Test func confidenceOffloadsWhatTheLastExitIsNotSureOf() {
    let exits = (1...4).map { Fixtures.exit($0, entropy: 0.5) }
    let decision = ConfidencePolicy(Fixtures.settings()).decide(Fixtures.evidence(exits: exits))
    #expect(decision.action == .offload(splitLayer: 8, codec: 1, packetDuration: 0.32))
    #expect(decision.reason.code == "not-confident")
  }

  @Test func confidenceOffloadsAfterTheExitThatItIsTold() {
    let policy = ConfidencePolicy(Fixtures.settings(offloadAfterExit: 2))
    let first = [Fixtures.exit(1, entropy: 0.5)]
    #expect(policy.decide(Fixtures.evidence(exits: first)).action == .nextExit)
    let second = first + [Fixtures.exit(2, entropy: 0.5)]
    #expect(
      policy.decide(Fixtures.evidence(exits: second)).action
        == .offload(splitLayer: 4, codec: 1, packetDuration: 0.32))
    // With the link down the deeper exits are the better answer.
    var down = Fixtures.goodLink
    down.connectivity = .disconnected
    let local = policy.decide(Fixtures.evidence(exits: second, link: down))
    #expect(local.action == .nextExit)
    #expect(local.reason == .linkDown)
  }

  @Test func confidenceStaysLocalWhenTheEdgeWouldBeLate() {
    let exits = (1...4).map { Fixtures.exit($0, entropy: 0.5) }
    let policy = ConfidencePolicy(Fixtures.settings())
    let late = policy.decide(Fixtures.evidence(exits: exits, deadline: 0.05))
    #expect(late.action == .stop(exit: 4))
    #expect(late.reason.code == "deadline-too-short")
    let queue = EdgeEstimate(expectedWait: 5, age: 0, price: 0)
    let waiting = policy.decide(Fixtures.evidence(exits: exits, edge: queue))
    #expect(waiting.reason.code == "deadline-too-short")
    let none = policy.decide(Fixtures.evidence(exits: exits, options: .none))
    #expect(none.action == .stop(exit: 4))
    #expect(none.reason == .noEdge)
  }

  @Test func anExitWithoutThresholdIsNeverSure() {
    let exits = [1, 2].map { Fixtures.exit($0, entropy: 0.5) } + [Fixtures.exit(3, entropy: 0)]
    let decision = ConfidencePolicy(Fixtures.settings()).decide(Fixtures.evidence(exits: exits))
    #expect(decision.action == .nextExit)
    #expect(decision.reason == .notCalibrated(exit: 3, criterion: .frameEntropy))
    #expect(
      ConfidencePolicy(Fixtures.settings()).decide(
        Fixtures.evidence(exits: [Fixtures.exit(1, entropy: .nan)])
      ).action == .nextExit)
  }

  @Test func theLayerIsTheDeepestThatTheEdgeAccepts() {
    let exits = (1...4).map { Fixtures.exit($0, entropy: 0.5) }
    let some = OffloadOptions(
      splitLayers: [0, 6], rates: [FeatureRate(codec: 0, bytesPerFrame: 576)],
      packetDurations: [0.1])
    let decision = ConfidencePolicy(Fixtures.settings(codec: 1)).decide(
      Fixtures.evidence(exits: exits, options: some))
    #expect(decision.action == .offload(splitLayer: 6, codec: 0, packetDuration: 0.1))
  }

  /// Whatever the evidence, a decision can be carried out, is predicted and comes to an end.
  @Test(arguments: PolicyRegistry.names) func everyDecisionCanBeCarriedOut(name: String) throws {
    var generator = SplitMix(seed: 11)
    let policy = try PolicyRegistry.policy(
      named: name, settings: Fixtures.settings(offloadAfterExit: 3))
    for _ in 0..<3000 {
      let count = Int.random(in: 0...4, using: &generator)
      let exits = (0..<count).map {
        Fixtures.exit(
          $0 + 1, entropy: Double.random(in: 0...0.6, using: &generator),
          posterior: Double.random(in: 0...1, using: &generator))
      }
      var link = Bool.random(using: &generator) ? Fixtures.goodLink : LinkEstimate.unknown
      if Bool.random(using: &generator) { link.connectivity = .disconnected }
      let evidence = Fixtures.evidence(
        exits: exits, deadline: Double.random(in: -1...3, using: &generator), link: link,
        options: Bool.random(using: &generator) ? Fixtures.options : .none)
      let decision = policy.decide(evidence)
      #expect(policy.decide(evidence) == decision)
      #expect(decision.predictedCost != nil)
      switch decision.action {
      case .stop(let exit): #expect(exits.last?.exit == exit)
      case .nextExit: #expect(evidence.nextExit != nil)
      case .offload(let layer, _, _):
        #expect(evidence.options.splitLayers.contains(layer))
        #expect(link.connectivity != .disconnected)
        #expect(name != "always-local")
      }
    }
  }

  @Test(arguments: PolicyRegistry.names) func aDecisionTakesLessThanTwentyMicroseconds(
    name: String
  ) throws {
    let policy = try PolicyRegistry.policy(named: name, settings: Fixtures.settings())
    let exits = (1...4).map { Fixtures.exit($0, entropy: 0.5) }
    var evidence = Fixtures.evidence(exits: exits)
    evidence.options.splitLayers = Array(0...8)
    let clock = ContinuousClock()
    // The best of many short runs: other processes share the machine.
    var best = Duration.seconds(1)
    var checksum = 0
    for _ in 0..<50 {
      let time = clock.measure {
        for _ in 0..<100 { checksum += policy.decide(evidence).predictions.count }
      }
      best = min(best, time / 100)
    }
    #expect(checksum == 50 * 100 * 22)
    #expect(best < .microseconds(20))
  }
}
