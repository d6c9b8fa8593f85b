import Offload
import Testing

@Suite struct EstimatorTests {
  @Test func nothingIsKnownAtFirst() {
    let estimator = LinkEstimator()
    #expect(estimator.estimate(at: 100) == .unknown)
    #expect(!estimator.estimate(at: 100).isKnown)
  }

  @Test func percentilesOfASteadyLink() throws {
    var estimator = LinkEstimator()
    for second in 1...50 {
      // 1 to 10 Mbit/s in turn, one second each.
      estimator.observeTransfer(
        bytes: 125_000 * (1 + second % 10), seconds: 1, at: Double(second) * 0.01)
      estimator.observeRoundTrip(seconds: 0.05, at: Double(second) * 0.01)
    }
    let estimate = estimator.estimate(at: 1)
    #expect(estimate.isKnown)
    #expect(estimate.connectivity == .connected)
    #expect(estimate.sampleCount == 100)
    #expect(try abs(#require(estimate.age) - 0.5) < 1e-9)
    let bandwidth = try #require(estimate.bandwidth)
    #expect(bandwidth.tenth == 1e6)
    #expect((5e6...6e6).contains(bandwidth.median))
    #expect((9e6...10e6).contains(bandwidth.ninetieth))
    #expect(estimate.roundTrip == Percentiles(tenth: 0.05, median: 0.05, ninetieth: 0.05))
  }

  @Test func recentTransfersWeighMore() throws {
    var estimator = LinkEstimator()
    for index in 0..<30 {
      estimator.observeTransfer(bytes: 1_250_000, seconds: 1, at: Double(index))
    }
    for index in 0..<10 {
      estimator.observeTransfer(bytes: 12_500, seconds: 1, at: 200 + Double(index))
    }
    #expect(try #require(estimator.estimate(at: 210).bandwidth).median == 1e5)
  }

  @Test func stallsPullTheEstimateDown() throws {
    var estimator = LinkEstimator()
    estimator.observeTransfer(bytes: 125_000, seconds: 1, at: 0)
    for index in 1...4 { estimator.observeStall(bytes: 0, seconds: 2, at: Double(index)) }
    let estimate = estimator.estimate(at: 5)
    #expect(try #require(estimate.bandwidth).median == 0)
    #expect(estimate.sampleCount == 5)
  }

  /// How often nothing gets through is remembered when the stall itself is long forgotten.
  @Test func silencesAreCountedApart() throws {
    var estimator = LinkEstimator()
    #expect(estimator.estimate(at: 0).silence == nil)
    for index in 1...20 {
      estimator.observeTransfer(bytes: 125_000, seconds: 1, at: Double(index) * 60)
    }
    let before = try #require(estimator.estimate(at: 1_200).silence)
    #expect(before < 0.02)
    estimator.observeStall(bytes: 0, seconds: 2, at: 1_210)
    let after = estimator.estimate(at: 1_211)
    #expect(try #require(after.silence) > 0.3, "right after it another one is likely")
    let later = try #require(estimator.estimate(at: 1_600).silence)
    #expect(later > before && later < 0.15, "in the long run it was one of many")
    estimator.observeConnected(at: 1_212)
    #expect(
      try #require(estimator.estimate(at: 1_213).silence) < 0.15, "a connection is a sign of life")
    // A link that never lets anything through is silent for sure.
    var dead = LinkEstimator()
    for index in 1...10 { dead.observeStall(bytes: 0, seconds: 2, at: Double(index) * 60) }
    #expect(try #require(dead.estimate(at: 601).silence) > 0.9)
  }

  @Test func anOutageIsSurvivedAndOldKnowledgeCountsLess() throws {
    var estimator = LinkEstimator()
    for index in 0..<3 {
      estimator.observeTransfer(bytes: 1_250_000, seconds: 1, at: Double(index))
    }
    estimator.observeDisconnected(at: 4)
    estimator.observeDisconnected(at: 5)
    #expect(estimator.estimate(at: 5).connectivity == .disconnected)
    #expect(estimator.estimate(at: 5).bandwidth != nil)
    estimator.observeConnected(at: 6)
    // Three old transfers count three quarters of a new one.
    estimator.observeTransfer(bytes: 12_500, seconds: 1, at: 6)
    let estimate = estimator.estimate(at: 6)
    #expect(estimate.connectivity == .connected)
    #expect(try #require(estimate.bandwidth).median == 1e5)
  }

  /// A connection that comes and goes a thousand times leaves an estimate in numbers.
  @Test func aFlappingConnectionLeavesNumbers() throws {
    var estimator = LinkEstimator()
    for index in 0..<3 {
      estimator.observeTransfer(bytes: 12_500, seconds: 1, at: Double(index))
      estimator.observeRoundTrip(seconds: 0.05, at: Double(index))
    }
    for index in 0..<1_000 {
      estimator.observeDisconnected(at: 4 + Double(index))
      estimator.observeConnected(at: 4.5 + Double(index))
    }
    let estimate = estimator.estimate(at: 1_005)
    #expect(try #require(estimate.bandwidth).median == 1e5)
    #expect(try #require(estimate.bandwidth).tenth.isFinite)
    #expect(try #require(estimate.roundTrip).median == 0.05)
    estimator.observeTransfer(bytes: 1_250_000, seconds: 1, at: 1_006)
    #expect(try #require(estimator.estimate(at: 1_006).bandwidth).median == 1e7)
  }

  /// A round trip that was measured a moment ago may have been longer than the one in this transfer.
  @Test func aPacketThatCameBackSoonIsNoFastLink() throws {
    var estimator = LinkEstimator()
    estimator.observeTransfer(bytes: 1_250, seconds: 0.1, roundTrip: 0.12, at: 0)
    #expect(try #require(estimator.estimate(at: 0).bandwidth).median == 1_250 * 8 / (0.2 * 0.1))
    estimator = LinkEstimator()
    estimator.observeTransfer(bytes: 12_500, seconds: 1.1, roundTrip: 0.1, at: 1)
    #expect(try abs(#require(estimator.estimate(at: 1).bandwidth).median - 1e5) < 1)
  }

  /// What a stream that is under way has shown counts, and is not kept: its end will tell it.
  @Test func aStreamUnderWayShowsTheLink() throws {
    var estimator = LinkEstimator()
    estimator.observeTransfer(bytes: 125_000, seconds: 1, at: 0)
    let during = estimator.estimate(
      at: 60, transfer: .init(bytes: 12_500, seconds: 1.1), stall: nil, roundTrip: 0.1)
    #expect(try abs(#require(during.bandwidth).median - 1e5) < 1)
    let short = TransferMeter.Period(bytes: 0, seconds: 0.9)
    #expect(
      estimator.estimate(at: 60, transfer: nil, stall: short, roundTrip: 0)
        == estimator.estimate(at: 60))
    let long = TransferMeter.Period(bytes: 0, seconds: 1.1)
    let stalled = estimator.estimate(at: 60, transfer: nil, stall: long, roundTrip: 0)
    #expect(try #require(stalled.bandwidth).median == 0)
    #expect(try #require(stalled.silence) > 0.3)
    #expect(try #require(estimator.estimate(at: 60).bandwidth).median == 1e6)
  }

  /// The newest of many says most at once, and after a while without news no more than the others.
  @Test func whatIsStaleCountsAsWhatIsUsual() throws {
    var estimator = LinkEstimator()
    for index in 0..<20 {
      estimator.observeTransfer(bytes: 12_500, seconds: 1, at: Double(index) * 90)
    }
    estimator.observeTransfer(bytes: 1_250_000, seconds: 1, at: 1_800)
    #expect(try #require(estimator.estimate(at: 1_800).bandwidth).median == 1e7)
    #expect(try #require(estimator.estimate(at: 1_890).bandwidth).median == 1e5)
  }

  /// One transfer is no distribution.
  @Test func oneTransferLeavesRoom() throws {
    var estimator = LinkEstimator()
    estimator.observeTransfer(bytes: 12_500, seconds: 1, at: 0)
    #expect(
      estimator.estimate(at: 0).bandwidth == Percentiles(tenth: 5e4, median: 1e5, ninetieth: 2e5))
  }

  /// Who asks before every utterance and offloads none stops asking; who offloads many goes on.
  @Test func signsOfLifeAreAskedForWhereAnswersComeFromTheEdge() throws {
    func sign(_ deviceClass: DeviceClass, policy: String) throws -> SignOfLife {
      SignOfLife(
        policy: try PolicyRegistry.policy(named: policy, settings: Fixtures.settings()),
        costs: CostPredictor(model: .standard, deviceClass: deviceClass))
    }
    func asked(
      _ deviceClass: DeviceClass, policy: String, offloading share: Int
    ) throws -> Bool {
      var sign = try sign(deviceClass, policy: policy)
      for number in 0..<200 { sign.observe(offloaded: number % 100 < share) }
      return sign.isWanted
    }
    #expect(try asked(.microcontroller, policy: "model-based", offloading: 20))
    #expect(try !asked(.microcontroller, policy: "model-based", offloading: 1))
    #expect(
      try !asked(.phone, policy: "model-based", offloading: 100), "an LTE radio's tail is dear")
    #expect(try !asked(.microcontroller, policy: "budget", offloading: 100))
    #expect(try !asked(.microcontroller, policy: "always-local", offloading: 100))
    #expect(try sign(.laptop, policy: "deadline").isWanted, "until it turns out idle")
  }

  @Test func whatIsTooOldIsForgotten() {
    var estimator = LinkEstimator()
    estimator.observeTransfer(bytes: 1_250_000, seconds: 1, at: 0)
    estimator.observeRoundTrip(seconds: 0.1, at: 0)
    #expect(estimator.estimate(at: 14_399).isKnown)
    let later = estimator.estimate(at: 14_401)
    #expect(!later.isKnown)
    #expect(later.sampleCount == 0)
    #expect(later.connectivity == .connected)
  }

  /// A link on which nothing came through is tried again after a while, and at once when there is a new connection; what
  /// came through slowly is a measurement as any other.
  @Test func aStallIsNotBelievedForLong() throws {
    func estimator(_ bytes: Int) -> LinkEstimator {
      var estimator = LinkEstimator()
      estimator.observeTransfer(bytes: 25_000, seconds: 0.1, at: 0)
      estimator.observeStall(bytes: bytes, seconds: 2, at: 10)
      return estimator
    }
    var silent = estimator(100)
    #expect(try #require(silent.estimate(at: 10).bandwidth).median == 400)
    #expect(try #require(silent.estimate(at: 69).bandwidth).median == 400)
    #expect(try #require(silent.estimate(at: 71).bandwidth).median == 2e6)
    silent.observeDisconnected(at: 11)
    #expect(try #require(silent.estimate(at: 12).bandwidth).median == 400)
    silent.observeConnected(at: 12)
    #expect(try #require(silent.estimate(at: 12).bandwidth).median == 2e6)
    var slow = estimator(4_000)
    slow.observeConnected(at: 12)
    #expect(try #require(slow.estimate(at: 500).bandwidth).median == 16_000)
  }

  /// Asked when a user begins to speak: an answer is a sign of life, and none after thrice the usual time is none.
  @Test func aSignOfLifeCounts() throws {
    var estimator = LinkEstimator()
    for index in 0..<10 {
      estimator.observeTransfer(bytes: 25_000, seconds: 0.1, at: Double(index) * 60)
      estimator.observeRoundTrip(seconds: 0.05, at: Double(index) * 60)
    }
    estimator.observeStall(bytes: 0, seconds: 2, at: 600)
    let doubtful = try #require(estimator.estimate(at: 620).silence)
    #expect(doubtful > 0.3)
    estimator.observeProbe(at: 620)
    #expect(try #require(estimator.estimate(at: 620.1).silence) < 0.9)
    #expect(try #require(estimator.estimate(at: 620.4).silence) > 0.9)
    estimator.observeRoundTrip(seconds: 0.5, at: 620.5)
    #expect(try #require(estimator.estimate(at: 620.6).silence) < 0.05)
    #expect(try #require(estimator.estimate(at: 660).silence) > 0.05, "life does not last for ever")
  }

  @Test func nonsenseIsIgnoredAndCounted() {
    var estimator = LinkEstimator()
    estimator.observeTransfer(bytes: 0, seconds: 1, at: 0)
    estimator.observeTransfer(bytes: 999, seconds: 1, at: 0)
    estimator.observeTransfer(bytes: 5_000, seconds: 0, at: 0)
    estimator.observeTransfer(bytes: 5_000, seconds: -1, at: 0)
    estimator.observeTransfer(bytes: 5_000, seconds: .nan, at: 0)
    estimator.observeTransfer(bytes: 5_000, seconds: 1, at: .infinity)
    estimator.observeRoundTrip(seconds: .infinity, at: 0)
    estimator.observeStall(bytes: -1, seconds: 1, at: 0)
    #expect(estimator.ignoredCount == 8)
    #expect(estimator.estimate(at: 0) == .unknown)
  }

  @Test func memoryIsBounded() {
    var estimator = LinkEstimator()
    for index in 0..<10_000 {
      estimator.observeTransfer(bytes: 5_000, seconds: 0.1, at: Double(index) * 0.01)
      estimator.observeRoundTrip(seconds: 0.1, at: Double(index) * 0.01)
    }
    #expect(estimator.estimate(at: 100).sampleCount == 128)
  }

  /// A queue that was long again and again is not forgotten: in the long run the edge waits as on average.
  @Test func staleWaitsFadeTowardsTheMean() {
    var estimator = EdgeEstimator(assumedWait: 0.1, halfLife: 10)
    for time in 0..<100 { estimator.observe(wait: time % 2 == 0 ? 0 : 4, at: Double(time)) }
    #expect(estimator.estimate(at: 99).expectedWait == 4)
    #expect(abs(estimator.estimate(at: 1000).expectedWait - 2) < 0.2)
  }

  @Test func advertisedWaitsFadeTowardsTheAssumption() {
    var estimator = EdgeEstimator(assumedWait: 0.1, halfLife: 10, meanShare: 0)
    #expect(estimator.estimate(at: 3) == EdgeEstimate(expectedWait: 0.1, age: nil, price: 0))
    let believed = estimator.observe(wait: 2.1, price: 3, at: 5)
    #expect(believed)
    #expect(estimator.estimate(at: 5) == EdgeEstimate(expectedWait: 2.1, age: 0, price: 3))
    #expect(abs(estimator.estimate(at: 15).expectedWait - 1.1) < 1e-9)
    #expect(abs(estimator.estimate(at: 1000).expectedWait - 0.1) < 1e-9)
    for (wait, price) in [(-1, 0), (.nan, 0), (1, -.infinity), (.infinity, 0)] as [(Double, Double)]
    {
      let believed = estimator.observe(wait: wait, price: price, at: 6)
      #expect(!believed)
    }
    #expect(estimator.estimate(at: 6).age == 1)
  }
}
