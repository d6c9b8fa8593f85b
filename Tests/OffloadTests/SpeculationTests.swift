import Testing

@testable import Offload

@Suite struct SpeculationTests {
  /// A policy that offloads everything, for what does not depend on the policy.
  static let edge = AlwaysEdgePolicy(Fixtures.settings())
  static let confidence = ConfidencePolicy(Fixtures.settings(offloadAfterExit: 2))
  static let slowLink = LinkEstimate(
    connectivity: .connected,
    bandwidth: Percentiles(tenth: 20e3, median: 24e3, ninetieth: 30e3),
    roundTrip: Percentiles(tenth: 0.1, median: 0.2, ninetieth: 0.4), sampleCount: 9, age: 1)

  static func heard(
    _ seconds: Double, exits: [ExitEvidence] = [], blocks: Int = 8,
    link: LinkEstimate = Fixtures.goodLink, deadline: Double = 2, speed: Double? = nil
  ) -> Evidence {
    var evidence = Fixtures.evidence(exits: exits, deadline: deadline, link: link)
    evidence.utteranceSeconds = seconds
    evidence.deviceSpeed = speed
    evidence.streamed = StreamedWork(isSpeaking: true, secondsHeard: seconds, blocksDone: blocks)
    return evidence
  }

  static func speculation(
    _ mode: SpeculationSettings.Mode = .likely, threshold: Double = 0.5
  ) -> Speculation {
    Speculation(
      settings: SpeculationSettings(mode: mode, threshold: threshold),
      costs: CostPredictor(model: .standard, deviceClass: .laptop), maximumSeconds: 30)
  }

  static func ended(
    _ heard: Evidence, exits: [ExitEvidence], sent: SentAhead?
  ) -> Evidence {
    var evidence = heard
    evidence.exits = exits
    evidence.streamed?.isSpeaking = false
    evidence.streamed?.sent = sent
    return evidence
  }

  @Test func whatIsNotConfidentIsSentAheadAndBecomesTheOffload() throws {
    var speculation = Self.speculation()
    let unsure = (1...2).map { Fixtures.exit($0, entropy: 0.5) }
    let heard = Self.heard(2, exits: unsure, blocks: 4)
    let start = try #require(
      speculation.consider(heard, policy: Self.confidence, utterance: 1).start)
    let plan = SpeculationPlan(splitLayer: 4, codec: 1, packetDuration: 0.32)
    #expect(start == .init(plan: plan, grantedBytes: nil))
    #expect(speculation.phase == .sending(plan))
    #expect(speculation.startedAfter == 2)
    // One an utterance.
    let again = speculation.consider(
      Self.heard(2.5, exits: unsure, blocks: 4), policy: Self.confidence, utterance: 1)
    #expect(again.start == nil)
    let sent = SentAhead(splitLayer: 4, codec: 1, frames: 40, bytes: 7000)
    let atTheEnd = speculation.evidence(Self.ended(heard, exits: unsure, sent: sent))
    #expect(atTheEnd.options.splitLayers == [4])
    #expect(atTheEnd.options.rates.map(\.codec) == [1])
    var first = atTheEnd
    first.exits = []
    let onward = Self.confidence.decide(first)
    #expect(onward.action == .nextExit)
    #expect(speculation.settle(onward) == .nothing)
    let decision = Self.confidence.decide(atTheEnd)
    #expect(decision.action == plan.action)
    #expect(speculation.settle(decision) == .keep(plan))
    #expect(speculation.phase == .kept(plan))
  }

  @Test func aConfidentExitWithdrawsIt() throws {
    var speculation = Self.speculation()
    let unsure = (1...2).map { Fixtures.exit($0, entropy: 0.5) }
    let heard = Self.heard(2, exits: unsure, blocks: 4)
    let plan = try #require(
      speculation.consider(heard, policy: Self.confidence, utterance: 1).start
    ).plan
    let sure = [Fixtures.exit(1, entropy: 0.1)]
    let decision = Self.confidence.decide(
      speculation.evidence(
        Self.ended(
          heard, exits: sure, sent: SentAhead(splitLayer: 4, codec: 1, frames: 40, bytes: 7000))))
    #expect(decision.action == .stop(exit: 1))
    #expect(speculation.settle(decision) == .withdraw(plan))
    #expect(speculation.phase == .withdrawn(plan))
    #expect(speculation.settle(decision) == .nothing)
  }

  @Test func anUtteranceThatIsGivenUpIsWithdrawnOnce() {
    var speculation = Self.speculation()
    let nothing = speculation.cancel()
    #expect(nothing == .nothing)
    let start = speculation.consider(Self.heard(1), policy: Self.edge, utterance: 1).start
    #expect(start != nil)
    let first = speculation.cancel()
    let second = speculation.cancel()
    #expect(first == .withdraw(start!.plan))
    #expect(second == .nothing)
  }

  /// Whatever the evidence, nothing is sent for a policy that never offloads, without an edge, before enough was heard,
  /// or when it is switched off.
  @Test func whatNeverStarts() {
    let unsure = (1...4).map { Fixtures.exit($0, entropy: 0.9) }
    let local = AlwaysLocalPolicy(Fixtures.settings())
    for seconds in stride(from: 0.08, through: 30, by: 0.32) {
      var likely = Self.speculation(threshold: 0)
      let heard = Self.heard(seconds, exits: unsure)
      #expect(likely.consider(heard, policy: local, utterance: 1).start == nil)
      var off = Self.speculation(.off)
      #expect(off.consider(heard, policy: Self.edge, utterance: 1).start == nil)
      var alone = heard
      alone.options = .none
      #expect(likely.consider(alone, policy: Self.edge, utterance: 1).start == nil)
      var down = heard
      down.link.connectivity = .disconnected
      #expect(likely.consider(down, policy: Self.edge, utterance: 1).start == nil)
      let start = likely.consider(heard, policy: Self.edge, utterance: 1).start
      #expect((start != nil) == (seconds >= 0.64))
    }
  }

  @Test func aConfidentExitStartsNothing() {
    var speculation = Self.speculation()
    let heard = Self.heard(2, exits: [Fixtures.exit(1, entropy: 0.1)], blocks: 2)
    let advice = speculation.consider(heard, policy: Self.confidence, utterance: 1)
    #expect(advice.start == nil)
    #expect(advice.blocks == 2)
  }

  /// The policy's own chance is its probability: a near tie counts as half.
  @Test func theThresholdIsHeldAgainstThePolicysProbability() {
    struct Coin: Policy {
      let name = "coin"
      func decide(_ evidence: Evidence) -> Decision {
        let action = Action.offload(splitLayer: 0, codec: 1, packetDuration: 0.32)
        let cost = PredictedCost(
          latency: 1, energy: 0, bytes: 0, serverSeconds: 0, expectedErrors: nil, errorTotal: 0,
          total: 1)
        return Decision(
          policy: name, action: .stop(exit: 1), reason: .policyFixed,
          predictions: [
            .init(action: .stop(exit: 1), cost: cost, probability: 0.6),
            .init(action: action, cost: cost, probability: 0.4),
          ])
      }
    }
    for (threshold, starts) in [(0.3, true), (0.4, true), (0.41, false), (1, false)] {
      var speculation = Self.speculation(threshold: threshold)
      let advice = speculation.consider(
        Self.heard(2, exits: [Fixtures.exit(1, entropy: 0.3)]), policy: Coin(), utterance: 1)
      #expect((advice.start != nil) == starts)
    }
  }

  @Test func whileItIsWorthwhileDependsOnTheLink() {
    // At 20 Mbit/s six milliseconds are saved, for four seconds of a radio that is awake.
    var fast = Fixtures.goodLink
    fast.bandwidth = Percentiles(tenth: 1e7, median: 2e7, ninetieth: 3e7)
    for (link, starts) in [(fast, false), (Fixtures.goodLink, true), (Self.slowLink, true)] {
      var speculation = Self.speculation(.worthwhile)
      let advice = speculation.consider(
        Self.heard(4, link: link, deadline: 20), policy: Self.edge, utterance: 1)
      #expect((advice.start != nil) == starts)
      var likely = Self.speculation(.likely)
      #expect(
        likely.consider(
          Self.heard(4, link: link, deadline: 20), policy: Self.edge, utterance: 1
        ).start != nil)
    }
  }

  /// By hand: 100 frames of 148 bytes in 13 packets, of which the last has 8 frames.
  @Test func theGainIsTheTimeSavedLessTheRadio() {
    let predictor = CostPredictor(model: .standard, deviceClass: .laptop)
    let heard = Self.heard(4, link: Self.slowLink)
    let plan = SpeculationPlan(splitLayer: 0, codec: 1, packetDuration: 0.32)
    let radio = CostModel.standard.radios[.wifi]!
    let weights = CostModel.standard.weights
    // The link carries 3000 bytes a second, less than the 16,100 - 1284 that could go ahead.
    let ahead = 4.0 * 3000
    let saved = ahead * 8 / 24e3
    let awake = radio.activeWatts * (4 - saved) * weights.joule
    #expect(
      abs(
        predictor.speculationGain(heard, plan: plan, likelihood: 1)
          - (saved * weights.latencySecond - awake)) < 1e-12)
    let wasted =
      (ahead * 8e-6 * radio.uplinkJoulesPerMegabit + 4 * radio.activeWatts
        + radio.tailSeconds * radio.tailWatts) * weights.joule + ahead * 1e-6 * weights.megabyte
    #expect(
      abs(predictor.speculationGain(heard, plan: plan, likelihood: 0) + wasted) < 1e-12)
  }

  // What was done while the user spoke costs no more time.

  func cost(_ action: Action, _ evidence: Evidence) throws -> PredictedCost {
    let predictions = CostPredictor(model: .standard, deviceClass: .laptop).predictions(
      evidence, calibration: Fixtures.calibration, criterion: .frameEntropy)
    return try #require(predictions.first { $0.action == action }?.cost)
  }

  @Test func onlyWhatIsLeftIsSent() throws {
    let action = Action.offload(splitLayer: 4, codec: 1, packetDuration: 0.32)
    var evidence = Self.ended(
      Self.heard(4, exits: [], blocks: 4, link: Self.slowLink), exits: [],
      sent: SentAhead(splitLayer: 4, codec: 1, frames: 88, bytes: 14_000))
    let kept = try cost(action, evidence)
    let left = 12.0 * 148 + 2 * 100
    #expect(kept.bytes == left + 600)
    let server = kept.serverSeconds
    #expect(abs(kept.latency - (left * 8 / 24e3 + 0.2 + 0.05 + server)) < 1e-12)
    // Another layer has no use for it.
    #expect(
      try cost(.offload(splitLayer: 2, codec: 1, packetDuration: 0.32), evidence).bytes
        == 100 * 148 + 13 * 100 + 600)
    // The radio's tail comes anyway.
    evidence.streamed?.sent = SentAhead(splitLayer: 4, codec: 1, frames: 0, bytes: 400)
    let nothing = try cost(action, evidence)
    evidence.streamed = nil
    evidence.exits = (1...2).map { Fixtures.exit($0, entropy: 0.5) }
    let unsent = try cost(action, evidence)
    #expect(nothing.bytes == unsent.bytes)
    let radio = CostModel.standard.radios[.wifi]!
    #expect(
      abs(unsent.energy - nothing.energy - radio.tailSeconds * radio.tailWatts) < 1e-12)
    // Everything acknowledged: the answer is what is left.
    evidence = Self.ended(
      Self.heard(4, blocks: 4), exits: [],
      sent: SentAhead(splitLayer: 4, codec: 1, frames: 100, bytes: 16_000))
    #expect(try cost(action, evidence).bytes == 600)
  }

  @Test func whileTheUserSpeaksBytesAheadCostEnergyButNoTime() throws {
    let action = Action.offload(splitLayer: 4, codec: 1, packetDuration: 0.32)
    let heard = Self.heard(4, exits: [], blocks: 4)
    let cost = try cost(action, heard)
    let all = 100.0 * 148 + 13 * 100
    #expect(cost.bytes == all + 600)
    let last = 8.0 * 148 + 100
    #expect(try abs(#require(cost.bytesAhead) - (all - last)) < 1e-9)
    #expect(
      abs(cost.latency - (last * 8 / 2e6 + 0.03 + 0.05 + cost.serverSeconds)) < 1e-12)
    let parts = CostPredictor(model: .standard, deviceClass: .laptop).parts(
      ofOffload: cost, link: heard.link, edge: heard.edge)
    #expect(abs(parts.bits - last * 8) < 1e-9)
    #expect(abs(parts.deviceSeconds) < 1e-12)
  }

  @Test func blocksThatAreDoneTakeNoTime() throws {
    let evidence = Self.ended(Self.heard(4, exits: [], blocks: 5), exits: [], sent: nil)
    #expect(try cost(.nextExit, evidence).latency == 0)
    var atTheSecond = evidence
    atTheSecond.exits = (1...2).map { Fixtures.exit($0, entropy: 0.5) }
    // Exit 3 lies after block 6: one block and its head are left.
    let block = Fixtures.shape.blockOperations[0]
    #expect(
      try abs(cost(.nextExit, atTheSecond).latency - 100 * (block + 1e5) / 100e9) < 1e-15)
    #expect(evidence.blocksDone == 5)
    #expect(Fixtures.evidence().blocksDone == 0)
  }

  /// With what is sent already, an answer comes in time that otherwise would not.
  @Test(arguments: ["deadline", "model-based"])
  func policiesTakeIntoAccountWhatIsThere(name: String) throws {
    var settings = SmallWorld.settings(damped: .none)
    settings.cloudLatency = 2
    let policy = try PolicyRegistry.policy(named: name, settings: settings)
    let exits = (1...4).map { Fixtures.exit($0, entropy: 0.7) }
    let before = Self.ended(
      Self.heard(4, exits: exits, link: Self.slowLink), exits: exits, sent: nil)
    #expect(policy.decide(before).action == .stop(exit: 4))
    var after = before
    after.streamed?.sent = SentAhead(splitLayer: 8, codec: 1, frames: 88, bytes: 14_000)
    let decision = policy.decide(after)
    #expect(decision.action == .offload(splitLayer: 8, codec: 1, packetDuration: 0.32))
    // And so it is begun while the user speaks, on a link that carries it.
    var speculation = Self.speculation()
    var link = Self.slowLink
    link.bandwidth = Percentiles(tenth: 34e3, median: 36e3, ninetieth: 40e3)
    let heard = Self.heard(4, exits: exits, link: link)
    #expect(policy.decide(Self.ended(heard, exits: exits, sent: nil)).action == .stop(exit: 4))
    #expect(speculation.consider(heard, policy: policy, utterance: 1).start != nil)
  }

  // How deep the device computes.

  @Test func theDepthIsWhatTheDeviceKeepsUpWith() {
    let block = Fixtures.shape.blockOperations[0]
    func needed(_ blocks: Double, exits: Double) -> Double {
      25 * (1e6 + blocks * block + exits * 1e5)
    }
    for (blocks, exits) in [(1.0, 0.0), (2, 1), (5, 2), (8, 4)] {
      let speed = needed(blocks, exits: exits)
      func depth(_ speed: Double, share: Double) -> Int {
        StreamingDepth.blocks(Fixtures.shape, operationsPerSecond: speed, share: share)
      }
      #expect(depth(speed * 1.001, share: 1) == Int(blocks))
      #expect(depth(speed * 0.999, share: 1) == Int(blocks) - 1)
      #expect(depth(speed * 2.002, share: 0.5) == Int(blocks))
    }
    #expect(
      StreamingDepth.blocks(Fixtures.shape, operationsPerSecond: 0, share: 1) == 0)
    #expect(
      StreamingDepth.blocks(Fixtures.shape, operationsPerSecond: .infinity, share: 1) == 8)
  }

  /// Deeper only as the policy asks for it, never beyond what the device keeps up with, and never back.
  @Test func theDepthFollowsThePolicy() {
    var speculation = Self.speculation(.off)
    func blocks(_ exits: [ExitEvidence], _ blocks: Int, speed: Double? = nil) -> Int {
      speculation.consider(
        Self.heard(2, exits: exits, blocks: blocks, speed: speed), policy: Self.confidence,
        utterance: 1
      ).blocks
    }
    let unsure = (1...4).map { Fixtures.exit($0, entropy: 0.5) }
    #expect(blocks([], 0) == 2)
    #expect(blocks(Array(unsure.prefix(1)), 2) == 4)
    #expect(blocks([Fixtures.exit(1, entropy: 0.1)], 4) == 4)
    // Nothing can be sent ahead, so the policy would take the device's own best.
    #expect(blocks(Array(unsure.prefix(2)), 4) == 6)
    var slow = Self.speculation()
    let advice = slow.consider(
      Self.heard(2, blocks: 0, speed: 1e6), policy: Self.confidence, utterance: 1)
    #expect(advice == .init(blocks: 0, start: nil))
  }

  /// A device that keeps up with exit 1 only supposes the others as unsure as that one, and sends what it has.
  @Test func aSlowDeviceSendsTheLayerThatItHas() throws {
    let block = Fixtures.shape.blockOperations[0]
    let speed = 25 * (1e6 + 3 * block + 1e5) / 0.7 * 1.001
    let policy = ConfidencePolicy(Fixtures.settings())
    var speculation = Self.speculation()
    let heard = Self.heard(
      2, exits: [Fixtures.exit(1, entropy: 0.5)], blocks: 3, deadline: 60, speed: speed)
    let start = try #require(speculation.consider(heard, policy: policy, utterance: 1).start)
    #expect(start.plan.splitLayer == 2)
    var second = Self.speculation()
    let sure = Self.heard(
      2, exits: [Fixtures.exit(1, entropy: 0.1)], blocks: 3, deadline: 60, speed: speed)
    #expect(second.consider(sure, policy: policy, utterance: 1).start == nil)
  }

  // Budgets.

  @Test func aBudgetReservesForTheLongestUtterance() throws {
    let exits = (1...4).map { Fixtures.exit($0, entropy: 0.7) }
    let heard = Self.heard(3, exits: exits)
    // 750 frames in 94 packets, the answers, and what framing may add.
    let most = (750.0 * 148 + 94 * 100 + 600) * 1.25
    func policy(_ bytes: Double) -> BudgetPolicy {
      BudgetPolicy(
        SmallWorld.settings(
          budget: Budget(resource: .megabytes, perDay: bytes * 1e-6), damped: .none))
    }
    let enough = policy(most * 1.001)
    var granted = Self.speculation()
    let start = try #require(granted.consider(heard, policy: enough, utterance: 7).start)
    #expect(abs(try #require(start.grantedBytes) - most) < 1e-6)
    #expect(granted.hasReservation)
    // Nobody else gets anything now, but the utterance itself may become the offload.
    let another = Self.ended(heard, exits: exits, sent: nil)
    #expect(enough.decide(another).reason.code == "budget-spent")
    var own = Self.ended(
      heard, exits: exits, sent: SentAhead(splitLayer: 8, codec: 1, frames: 64, bytes: 10_000))
    own.streamed?.reservedBytes = most - 10_000
    let decision = enough.decide(granted.evidence(own))
    #expect(granted.settle(decision) == .keep(start.plan))
    enough.observe(
      Outcome(utterance: 7, time: 1, decisions: [decision], bytes: 12_000))
    #expect(abs(enough.state.ledger.spent - 0.012) < 1e-12)
    #expect(enough.state.ledger.overruns == 0)

    let short = policy(most * 0.999)
    var refused = Self.speculation()
    #expect(refused.consider(heard, policy: short, utterance: 7).start == nil)
    #expect(refused.phase == .refused)
    #expect(!refused.hasReservation)
    // An ordinary offload at the end still fits.
    #expect(short.decide(another).action.isOffload)
  }

  @Test func aStreamThatBrokeLeavesTheOtherOffloadsOpen() throws {
    var speculation = Self.speculation()
    let heard = Self.heard(3)
    let plan = try #require(
      speculation.consider(heard, policy: Self.edge, utterance: 1).start
    ).plan
    speculation.lost()
    #expect(speculation.phase == .lost(plan))
    let atTheEnd = speculation.evidence(
      Self.ended(
        heard, exits: [], sent: SentAhead(splitLayer: 0, codec: 1, frames: 64, bytes: 10_000)))
    #expect(atTheEnd.streamed?.sent == nil)
    #expect(atTheEnd.options == Fixtures.options)
    let decision = Self.edge.decide(atTheEnd)
    #expect(decision.action.isOffload)
    #expect(speculation.settle(decision) == .nothing)
  }

  /// Any order of calls: at most one start, at most one settlement, and the plan is the one that began.
  @Test func anyOrderOfEvents() {
    for seed in 0..<300 {
      var generator = SplitMix(seed: UInt64(seed))
      var speculation = Self.speculation()
      var starts: [SpeculationPlan] = []
      var settled: [Speculation.Settlement] = []
      var blocks = 0
      for step in 1..<30 {
        let exits = (1...4).prefix(Int.random(in: 0...4, using: &generator)).map {
          Fixtures.exit($0, entropy: Double.random(in: 0...1, using: &generator))
        }
        let heard = Self.heard(
          Double(step) * 0.3, exits: Array(exits), blocks: (exits.last?.afterBlock ?? 0))
        switch Int.random(in: 0..<12, using: &generator) {
        case 0: speculation.lost()
        case 1:
          let decision = Self.confidence.decide(
            speculation.evidence(Self.ended(heard, exits: Array(exits), sent: nil)))
          settled.append(speculation.settle(decision))
        case 2: settled.append(speculation.cancel())
        default:
          let advice = speculation.consider(heard, policy: Self.confidence, utterance: 1)
          #expect(advice.blocks >= blocks)
          blocks = advice.blocks
          if let start = advice.start { starts.append(start.plan) }
        }
      }
      let ends = settled.filter { $0 != .nothing }
      #expect(starts.count <= 1)
      #expect(ends.count <= starts.count)
      if let end = ends.first {
        #expect(end == .keep(starts[0]) || end == .withdraw(starts[0]))
      }
    }
  }

  /// Logs from before utterances were streamed have no such key.
  @Test func evidenceWithoutStreamingIsStillRead() throws {
    let decision = Self.confidence.decide(Fixtures.evidence())
    let data = try JSON.encode(decision)
    #expect(!data.contains("streamed") && !data.contains("bytesAhead"))
    #expect(try JSON.decode(Decision.self, data) == decision)
    let heard = Self.heard(2, exits: [Fixtures.exit(1, entropy: 0.3)])
    let streamed = Self.confidence.decide(heard)
    #expect(try JSON.decode(Decision.self, JSON.encode(streamed)) == streamed)
    #expect(
      streamed.context?.evidence(model: Fixtures.shape, exits: heard.exits) == heard)
  }

  /// What is expected of each depth, made up: for what does not depend on a plan.
  struct Depths: DepthPlanning {
    static let name = "depths"
    var name: String { Self.name }
    var costs: [Int: Double]

    init(_ settings: PolicySettings) { costs = [:] }
    init(costs: [Int: Double]) { self.costs = costs }

    func decide(_ evidence: Evidence) -> Decision { SpeculationTests.confidence.decide(evidence) }
    func expectedCost(_ evidence: Evidence, keepingUpTo blocks: Int) -> Double {
      costs[blocks] ?? .infinity
    }
  }

  @Test func deeperIsComputedAsLongAsItIsWorthItsJoules() {
    func blocks(
      _ costs: [Int: Double], _ device: DeviceClass = .laptop, speed: Double? = nil
    ) -> Int {
      var speculation = Speculation(
        settings: SpeculationSettings(mode: .off),
        costs: CostPredictor(model: .standard, deviceClass: device), maximumSeconds: 30)
      return speculation.consider(
        Self.heard(2, blocks: 0, speed: speed), policy: Depths(costs: costs), utterance: 1
      ).blocks
    }
    // The first exit is always wanted, whatever is expected.
    #expect(blocks([:]) == 2)
    #expect(blocks([2: 1, 4: 1, 6: 1, 8: 1]) == 2)
    #expect(blocks([2: 1, 4: 0.9, 6: 0.8, 8: 0.8]) == 6)
    // What lies behind an exit that is not worth it is not looked at.
    #expect(blocks([2: 1, 4: 1, 6: 0, 8: 0]) == 2)
    // A saving that is smaller than the joules' price: 2 blocks and a head, 50 frames.
    let work = (2 * Fixtures.shape.blockOperations[2] + Fixtures.shape.exitOperations) * 50
    let device = CostModel.standard.devices[.laptop]!
    let price = work * device.joulesPerGigaoperation * 1e-9 * CostModel.standard.weights.joule
    #expect(blocks([2: 1, 4: 1 - 0.99 * price]) == 2)
    #expect(blocks([2: 1, 4: 1 - 1.01 * price]) == 4)
    // Never deeper than the device keeps up with.
    let perFrame = Fixtures.shape.frontEndOperations + 5 * Fixtures.shape.blockOperations[0]
    #expect(blocks([2: 1, 4: 0.5, 6: 0], speed: perFrame * 25 / 0.7) == 4)
  }

  @Test func whatIsLeftIsCountedByBlock() {
    var evidence = Self.heard(2, blocks: 4)
    let shape = evidence.model
    #expect(evidence.operationsLeft(to: 4) == 0)
    #expect(evidence.operationsLeft(to: 6) == shape.operations(blocks: 4, to: 6) * 50)
    evidence.streamed?.framesLeft = [3, 3, 11, 11, 50, 50, 50, 50]
    #expect(
      evidence.operationsLeft(to: 5)
        == 6 * shape.blockOperations[0] + 22 * shape.blockOperations[2]
        + 50 * shape.blockOperations[4])
    #expect(evidence.headOperationsLeft(shape.exits[1]) == 11 * shape.exitOperations)
    evidence.exits = [Fixtures.exit(1, entropy: 0.1)]
    #expect(evidence.operationsLeft(to: 4) == 22 * shape.blockOperations[2])
    #expect(evidence.operationsLeft(to: 2) == 0)
    // A log's list that does not fit its model is left out, whatever it holds.
    for list in [[], [1], Array(repeating: 1.0, count: 99)] {
      evidence.streamed?.framesLeft = list
      #expect(evidence.operationsLeft(to: 4) == 0)
      #expect(evidence.headOperationsLeft(shape.exits[1]) == 0)
    }
    evidence.streamed?.framesLeft = Array(repeating: 1, count: 8)
    evidence.exits[0].afterBlock = -7
    #expect(evidence.operationsLeft(to: 99) == 8 * shape.blockOperations[0])
    #expect(evidence.headOperationsLeft(.init(exit: 1, afterBlock: -1)) == 0)
  }
}
