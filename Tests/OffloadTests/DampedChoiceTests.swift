import Testing

@testable import Offload

@Suite struct DampedChoiceTests {
  @Test func withoutTemperatureTheCheapestIsTaken() {
    for step in 0..<20 {
      let drawn = DampedChoice.none.choose(
        [2, .infinity, 1, 1.001], age: 100, uniform: Double(step) / 20)
      #expect(drawn?.index == 2)
      #expect(drawn?.probabilities == [0, 0, 1, 0])
    }
    #expect(DampedChoice.none.choose([.infinity, .nan], age: nil, uniform: 0.5) == nil)
  }

  @Test func exactTiesAreDrawnEvenly() {
    let drawn = (0..<4).compactMap {
      DampedChoice.none.choose([1, 1, 3, 1, 1], age: nil, uniform: Double($0) / 4)
    }
    #expect(drawn.map(\.index) == [0, 1, 3, 4])
    #expect(drawn[0].probabilities == [0.25, 0.25, 0, 0.25, 0.25])
  }

  private static let warm = DampedChoice(
    temperature: 0.01, temperaturePerSecond: 0.01, maximumTemperature: 0.1)

  @Test func olderNewsMakeMoreOfATie() {
    let choice = Self.warm
    func probability(_ age: Double?) -> Double {
      choice.choose([1, 1.03], age: age, uniform: 0)!.probabilities[1]
    }
    #expect(probability(0) > 0)
    #expect(probability(5) > probability(0))
    #expect(probability(9) > probability(5))
    #expect(probability(1000) == probability(100))
    #expect(probability(1000) < 0.5)
    #expect(probability(nil) == probability(0))
    // What is clearly worse is never taken.
    #expect(choice.choose([1, 1.5], age: 1000, uniform: 0.999)?.index == 0)
  }

  @Test func probabilitiesAddUpAndAreThoseOfTheDraw() {
    let choice = Self.warm
    let values = [1, 1.01, .infinity, 1.02, 1.2]
    var counts = Array(repeating: 0, count: values.count)
    let draws = 20_000
    for draw in 0..<draws {
      let uniform = Chance.uniform(seed: 3, draw: UInt64(draw), stage: 0)
      counts[choice.choose(values, age: 10, uniform: uniform)!.index] += 1
    }
    let probabilities = choice.choose(values, age: 10, uniform: 0)!.probabilities
    #expect(abs(probabilities.reduce(0, +) - 1) < 1e-12)
    for (count, probability) in zip(counts, probabilities) {
      #expect(abs(Double(count) / Double(draws) - probability) < 0.02)
    }
  }

  @Test func chanceIsEvenAndRepeatable() {
    var sum = 0.0
    var squares = 0.0
    for draw in UInt64(0)..<20_000 {
      let value = Chance.uniform(seed: 1, draw: draw, stage: draw % 5)
      #expect(value >= 0 && value < 1)
      #expect(value == Chance.uniform(seed: 1, draw: draw, stage: draw % 5))
      sum += value
      squares += value * value
    }
    #expect(abs(sum / 20_000 - 0.5) < 0.01)
    #expect(abs(squares / 20_000 - 1.0 / 3) < 0.01)
    #expect(
      Chance.bits(seed: 1, draw: 2, stage: 3) != Chance.bits(seed: 2, draw: 1, stage: 3)
        && Chance.bits(seed: 1, draw: 2, stage: 3) != Chance.bits(seed: 1, draw: 3, stage: 2))
  }

  /// A crowd of devices reads the wait that one edge advertises every ten seconds. Greedy devices all come while it
  /// looks idle and all stay away once it has said otherwise; damped ones spread.
  @Test func aCrowdOscillatesLess() throws {
    let greedy = try Self.crowd(.none, EdgeEstimator(meanShare: 0))
    let remembering = try Self.crowd(.none, EdgeEstimator(halfLife: 10))
    let damped = try Self.crowd(.crowd, EdgeEstimator())
    print("crowd: greedy \(greedy), remembering \(remembering), damped \(damped)")
    #expect(remembering.cost < greedy.cost)
    #expect(damped.cost < 0.9 * remembering.cost)
    #expect(damped.longestWait < 0.7 * greedy.longestWait)
  }

  private static func crowd(
    _ choice: DampedChoice, _ estimator: EdgeEstimator, period: Int = 10, capacity: Double = 50
  ) throws -> (longestWait: Double, cost: Double) {
    // Every second 60 utterances of 4 s arrive, each so hard that the edge saves 0.36 units of errors.
    let exits = (1...4).map { Fixtures.exit($0, entropy: 0.055) }
    let policies = (0..<60).map { device in
      ModelBasedPolicy(SmallWorld.settings(seed: UInt64(device), damped: choice))
    }
    var queue = 0.0
    var estimator = estimator
    var longest = 0.0
    var cost = 0.0
    let seconds = 300
    for second in 0..<seconds {
      if second % period == 0 { estimator.observe(wait: queue, at: Double(second)) }
      for (device, policy) in policies.enumerated() {
        var evidence = Fixtures.evidence(
          exits: exits, link: ExpectedCostTests.link(20e6, roundTrip: 0.01),
          edge: estimator.estimate(at: Double(second)))
        evidence.draw = UInt32(second * 100 + device)
        let decision = policy.decide(evidence)
        let stop = try #require(
          decision.predictions.first { $0.action == .stop(exit: 4) }?.cost.total)
        if decision.action.isOffload {
          let edge = try #require(decision.predictedCost)
          // What it costs if the wait is as it really is; at the deadline its own transcript is given.
          let real = edge.total - evidence.edge.expectedWait + queue
          cost += min(real, stop + 2)
          queue += 1 / capacity
        } else {
          cost += stop
        }
      }
      longest = max(longest, queue)
      queue = max(0, queue - 1)
    }
    return (longest, cost / Double(seconds * policies.count))
  }
}
