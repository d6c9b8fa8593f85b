import Offload
import Testing

@Suite struct CostTests {
  let predictor = CostPredictor(model: .standard, deviceClass: .laptop)

  func cost(_ action: Action, _ evidence: Evidence) throws -> PredictedCost {
    let predictions = predictor.predictions(
      evidence, calibration: Fixtures.calibration, criterion: .frameEntropy)
    return try #require(predictions.first { $0.action == action }?.cost)
  }

  @Test func everyActionIsPredictedOnce() {
    let exits = [Fixtures.exit(1, entropy: 0.5), Fixtures.exit(2, entropy: 0.1)]
    let predictions = predictor.predictions(
      Fixtures.evidence(exits: exits), calibration: Fixtures.calibration, criterion: .frameEntropy)
    let actions = predictions.map(\.action)
    #expect(Set(actions).count == actions.count)
    #expect(actions.filter(\.isOffload).count == 10)
    #expect(actions.contains(.stop(exit: 1)))
    #expect(actions.contains(.stop(exit: 2)))
    #expect(actions.contains(.nextExit))
  }

  @Test func stoppingCostsOnlyItsErrors() throws {
    let evidence = Fixtures.evidence(exits: [Fixtures.exit(1, entropy: 0.1)])
    let stop = try cost(.stop(exit: 1), evidence)
    // 5 % of 4 s at 2.5 words/s, at one unit an error.
    #expect(stop.expectedErrors == 0.05 * 10)
    #expect(stop.total == 0.5)
    #expect(stop.latency == 0 && stop.energy == 0 && stop.bytes == 0)
  }

  /// The offload's numbers, written out once by hand.
  @Test func offloadingIsComputedFromLinkEdgeAndBytes() throws {
    let exits = (1...4).map { Fixtures.exit($0, entropy: 0.5) }
    let evidence = Fixtures.evidence(exits: exits)
    let offload = try cost(.offload(splitLayer: 8, codec: 1, packetDuration: 0.32), evidence)
    let sent = 100.0 * 148 + 13 * 100
    #expect(offload.bytes == sent + 600)
    let server = 100 * 3e6 / 50e9
    #expect(abs(offload.serverSeconds - server) < 1e-12)
    #expect(abs(offload.latency - (sent * 8 / 2e6 + 0.03 + 0.05 + server)) < 1e-12)
    let radio = CostModel.standard.radios[.wifi]!
    let joules =
      sent * 8e-6 * radio.uplinkJoulesPerMegabit + 600 * 8e-6 * radio.downlinkJoulesPerMegabit
      + sent * 8 / 2e6 * radio.activeWatts + radio.tailSeconds * radio.tailWatts
    #expect(abs(offload.energy - joules) < 1e-12)
    #expect(offload.expectedErrors == 0.1 * 10)
    let weights = CostModel.standard.weights
    let total =
      offload.latency * weights.latencySecond + joules * weights.joule
      + offload.bytes * 1e-6 * weights.megabyte + server * weights.serverSecond
      + 1.0 * weights.wordError
    #expect(abs(offload.total - total) < 1e-12)
  }

  @Test func costsMoveTheRightWay() throws {
    let exits = (1...4).map { Fixtures.exit($0, entropy: 0.5) }
    let action = Action.offload(splitLayer: 8, codec: 1, packetDuration: 0.32)
    let base = try cost(action, Fixtures.evidence(exits: exits))
    var slow = Fixtures.goodLink
    slow.bandwidth = Percentiles(tenth: 1e4, median: 2e4, ninetieth: 3e4)
    #expect(
      try cost(action, Fixtures.evidence(exits: exits, link: slow)).latency > base.latency + 5)
    let busy = EdgeEstimate(expectedWait: 3, age: 0, price: 0)
    #expect(
      try abs(
        cost(action, Fixtures.evidence(exits: exits, edge: busy)).latency - base.latency - 2.95)
        < 1e-9)
    let dear = EdgeEstimate(expectedWait: 0.05, age: 0, price: 10)
    #expect(try cost(action, Fixtures.evidence(exits: exits, edge: dear)).total > base.total)
    let lossless = Action.offload(splitLayer: 8, codec: 0, packetDuration: 0.32)
    #expect(try cost(lossless, Fixtures.evidence(exits: exits)).bytes > base.bytes * 2)
    let early = Action.offload(splitLayer: 0, codec: 1, packetDuration: 0.32)
    #expect(
      try cost(early, Fixtures.evidence(exits: exits)).serverSeconds > base.serverSeconds)
    var stalled = Fixtures.goodLink
    stalled.bandwidth = Percentiles(tenth: 0, median: 0, ninetieth: 0)
    #expect(try cost(action, Fixtures.evidence(exits: exits, link: stalled)).latency.isFinite)
  }

  @Test func goingOnCostsTheNextBlocks() throws {
    let start = try cost(.nextExit, Fixtures.evidence())
    let block = Fixtures.shape.blockOperations[0]
    #expect(abs(start.latency - 100 * (2 * block + 1e6 + 1e5) / 100e9) < 1e-12)
    #expect(start.expectedErrors == nil)
    var fast = Fixtures.evidence()
    fast.deviceSpeed = 200e9
    #expect(try abs(cost(.nextExit, fast).latency - start.latency / 2) < 1e-12)
  }

  /// Prediction and measurement agree where everything came out as predicted.
  @Test func actualCostUsesTheSameCoefficients() throws {
    let exits = (1...4).map { Fixtures.exit($0, entropy: 0.5) }
    let predicted = try cost(
      .offload(splitLayer: 8, codec: 1, packetDuration: 0.32), Fixtures.evidence(exits: exits))
    let sent = 100 * 148 + 13 * 100
    let use = MeasuredUse(
      latency: predicted.latency, blocksDone: 8, exitsDone: 4, bytesSent: sent, bytesReceived: 600,
      transferSeconds: Double(sent) * 8 / 2e6, serverSeconds: predicted.serverSeconds,
      expectedErrors: predicted.expectedErrors)
    let actual = predictor.actualCost(use, model: Fixtures.shape, utteranceSeconds: 4)
    #expect(actual.bytes == predicted.bytes)
    #expect(actual.serverSeconds == predicted.serverSeconds)
    // The device's own work was behind it when the offload was predicted.
    let block = Fixtures.shape.blockOperations[0]
    let work = 100 * (1e6 + 8 * block + 4 * 1e5) * 0.15e-9
    #expect(abs(actual.energy - predicted.energy - work) < 1e-9)
    #expect(
      abs(actual.total - predicted.total - work * CostModel.standard.weights.joule) < 1e-9)
    let local = predictor.actualCost(
      MeasuredUse(latency: 0.1, blocksDone: 2, exitsDone: 1), model: Fixtures.shape,
      utteranceSeconds: 4)
    #expect(local.bytes == 0)
    #expect(abs(local.energy - 100 * (1e6 + 2 * block + 1e5) * 0.15e-9) < 1e-12)
  }

  /// Along the chain, prediction and measurement are about the same thing.
  @Test func aChainPredictsTheWholeUtterance() throws {
    let policy = ConfidencePolicy(Fixtures.settings())
    var exits: [ExitEvidence] = []
    var decisions: [Decision] = []
    for number in 0...4 {
      if number > 0 { exits.append(Fixtures.exit(number, entropy: 0.5)) }
      decisions.append(policy.decide(Fixtures.evidence(exits: exits)))
    }
    let chain = DecisionChain(decisions)
    let last = try #require(decisions.last?.predictedCost)
    #expect(decisions.last?.action.isOffload == true)
    #expect(chain.expectedErrors == last.expectedErrors)
    let latency = try #require(chain.predictedLatency)
    let sent = 100 * 148 + 13 * 100
    let use = MeasuredUse(
      latency: latency, blocksDone: 8, exitsDone: 4, bytesSent: sent, bytesReceived: 600,
      transferSeconds: Double(sent) * 8 / 2e6, serverSeconds: last.serverSeconds,
      expectedErrors: chain.expectedErrors)
    let actual = predictor.actualCost(use, model: Fixtures.shape, utteranceSeconds: 4)
    #expect(try abs(#require(chain.predictedTotal) - actual.total) < 1e-9)
    #expect(DecisionChain([]).predictedTotal == nil)
    #expect(DecisionChain([]).predictedLatency == nil)
  }

  @Test func operationsOutsideTheBlocksAreClipped() {
    #expect(
      Fixtures.shape.operations(blocks: -3, to: 99) == Fixtures.shape.operations(blocks: 0, to: 8))
    #expect(Fixtures.shape.operations(blocks: 5, to: 3) == 0)
  }
}
