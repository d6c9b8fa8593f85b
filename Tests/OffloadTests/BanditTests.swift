import Testing

@testable import Offload

@Suite struct BanditTests {
  static let seeds = 100

  /// Mean cost an utterance over seeds, for every utterance of a run in which link and edge change abruptly.
  static func run(
    _ phases: [(SmallWorld.Truth, count: Int)], make: (PolicySettings) -> any Policy
  ) -> [Double] {
    let total = phases.map(\.count).reduce(0, +)
    var means = Array(repeating: 0.0, count: total)
    for seed in 0..<Self.seeds {
      let policy = make(SmallWorld.settings(seed: UInt64(seed)))
      var world = SmallWorld(phases[0].0, seed: UInt64(1000 + seed))
      var index = 0
      for (truth, count) in phases {
        world.truth = truth
        for _ in 0..<count {
          means[index] += world.next(policy).cost / Double(Self.seeds)
          index += 1
        }
      }
    }
    return means
  }

  static func mean(_ values: ArraySlice<Double>) -> Double {
    values.reduce(0, +) / Double(values.count)
  }

  @Test(arguments: [true, false]) func itConvergesFromAColdStart(good: Bool) {
    let costs = Self.run([(good ? SmallWorld.good : SmallWorld.bad, 3000)]) { BanditPolicy($0) }
    let early = Self.mean(costs[500..<1000])
    let converged = Self.mean(costs[2000..<3000])
    print("bandit, cold start, good \(good): \(early) against \(converged)")
    #expect(early <= 1.1 * converged)
  }

  /// Within 200 decisions of the change the cost is that of a policy that never knew anything else.
  @Test(arguments: [true, false]) func itRecoversFromAnAbruptChange(toGood: Bool) {
    let before = toGood ? SmallWorld.bad : SmallWorld.good
    let after = toGood ? SmallWorld.good : SmallWorld.bad
    let costs = Self.run([(before, 1000), (after, 1200)]) { BanditPolicy($0) }
    let converged = Self.mean(costs[1700..<2200])
    let recovered = Self.mean(costs[1200..<1400])
    print("bandit, change, to good \(toGood): \(recovered) against \(converged)")
    #expect(recovered <= 1.1 * converged)
  }

  @Test func itIsBetterThanBothFixedPoliciesInAChangingWorld() {
    let phases = (0..<6).map { ($0 % 2 == 0 ? SmallWorld.good : SmallWorld.bad, count: 400) }
    let bandit = Self.mean(Self.run(phases) { BanditPolicy($0) }[...])
    let local = Self.mean(Self.run(phases) { AlwaysLocalPolicy($0) }[...])
    let edge = Self.mean(Self.run(phases) { AlwaysEdgePolicy($0) }[...])
    print("bandit \(bandit), always-local \(local), always-edge \(edge)")
    #expect(bandit < 0.95 * local)
    #expect(bandit < 0.95 * edge)
  }

  /// Without forced sampling and with a long memory, a policy that fared badly with the edge stays local.
  @Test func itCannotGetStuckLocal() {
    func offloads(_ settings: BanditSettings) -> Int {
      var count = 0
      for seed in 0..<20 {
        let policy = BanditPolicy(SmallWorld.settings(bandit: settings, seed: UInt64(seed)))
        var world = SmallWorld(SmallWorld.bad, seed: UInt64(seed))
        for _ in 0..<300 { _ = world.next(policy) }
        world.truth = SmallWorld.good
        for _ in 0..<200 { _ = world.next(policy) }
        for _ in 0..<100 where world.next(policy).wasOffloaded { count += 1 }
      }
      return count
    }
    let free = offloads(BanditSettings())
    let stuck = offloads(BanditSettings(exploration: 0, memory: 1e6, optimism: 0))
    print("offloads of 2000 after recovery: \(free), without exploration and discounting \(stuck)")
    #expect(free > 4 * stuck)
    #expect(free > 600)
  }

  @Test func probabilitiesAreThoseOfWhatIsDrawn() {
    let policy = BanditPolicy(SmallWorld.settings(bandit: BanditSettings(exploration: 0.3)))
    let exits = (1...4).map { Fixtures.exit($0, entropy: 0.3) }
    var counts: [Action: Int] = [:]
    var first: Decision?
    let draws = 40_000
    for draw in 0..<draws {
      var evidence = Fixtures.evidence(exits: exits)
      evidence.draw = UInt32(draw)
      let decision = policy.decide(evidence)
      first = first ?? decision
      counts[decision.action, default: 0] += 1
    }
    var sum = 0.0
    for prediction in first?.predictions ?? [] {
      let probability = prediction.probability ?? -1
      sum += probability
      let share = Double(counts[prediction.action] ?? 0) / Double(draws)
      // Five standard deviations.
      #expect(abs(share - probability) < 5 * (probability / Double(draws)).squareRoot() + 1e-9)
    }
    #expect(abs(sum - 1) < 1e-9)
    #expect(counts.count > 5)
  }

  @Test func theSameSeedDecidesTheSame() {
    func actions(_ seed: UInt64) -> [Action] {
      let policy = BanditPolicy(
        SmallWorld.settings(bandit: BanditSettings(exploration: 0.3), seed: seed))
      var world = SmallWorld(SmallWorld.good, seed: 5)
      return (0..<200).flatMap { _ in world.next(policy).outcome.decisions.map(\.action) }
    }
    #expect(actions(3) == actions(3))
    #expect(actions(3) != actions(4))
  }

  @Test func itsMemoryCanBeKept() {
    let policy = BanditPolicy(SmallWorld.settings())
    var world = SmallWorld(SmallWorld.bad, seed: 9)
    for _ in 0..<200 { _ = world.next(policy) }
    let restarted = BanditPolicy(SmallWorld.settings(), state: policy.state)
    let evidence = Fixtures.evidence(exits: [Fixtures.exit(1, entropy: 0.4)])
    #expect(restarted.decide(evidence) == policy.decide(evidence))
    #expect(BanditPolicy(SmallWorld.settings()).decide(evidence) != policy.decide(evidence))
    #expect(policy.state.utterances == 200)
    #expect(policy.state.offloads > 0)
  }

  @Test func theModelFindsTheCoefficientsAndForgetsThem() {
    var generator = SplitMix(seed: 2)
    var model = DiscountedLinearModel(
      prior: [0.1, 1, 1, 1], scale: [1, 0.1, 0.1, 0.2], strength: 0.1, deviation: 0.2, memory: 200)
    func features() -> SIMD4<Double> {
      [
        1, .random(in: 0.02...0.3, using: &generator), .random(in: 0...0.2, using: &generator),
        .random(in: 0...0.5, using: &generator),
      ]
    }
    let truth: SIMD4<Double> = [0.3, 8, 2, 0.5]
    for _ in 0..<2000 {
      let x = features()
      model.forget()
      model.observe(x, (truth * x).sum() + Double.random(in: -0.05...0.05, using: &generator))
    }
    for index in 0..<4 { #expect(abs(model.theta[index] - truth[index]) < 0.3) }
    #expect(model.deviation < 0.06)
    let x = features()
    let sure = model.predict(x).width
    // Nothing seen for twenty memories: the first guess again, and as unsure as at the beginning.
    for _ in 0..<4000 { model.forget() }
    for index in 0..<4 { #expect(abs(model.theta[index] - [0.1, 1, 1, 1][index]) < 0.1) }
    #expect(model.predict(x).width > 5 * sure)
  }
}
