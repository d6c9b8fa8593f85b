import Testing

@testable import Offload

@Suite struct BudgetTests {
  /// Any interleaving of reservations and settlements, over days, with a clock that sometimes steps back: no day
  /// spends more than its budget, whether spending is counted by the day it was reserved or by the day it ended.
  @Test func theLedgerNeverExceedsItsBudget() {
    for seed in 0..<200 {
      var generator = SplitMix(seed: UInt64(seed))
      let budget = Budget(
        resource: .megabytes, perDay: Double.random(in: 0...2, using: &generator))
      var ledger = BudgetLedger(budget)
      var time = Double.random(in: 0...1e9, using: &generator)
      var open: [(id: UInt64, amount: Double, day: Double)] = []
      var byStart: [Double: Double] = [:]
      var byEnd: [Double: Double] = [:]
      var refused = 0
      for id in 0..<UInt64(600) {
        // Mostly seconds, sometimes hours; sometimes the clock is set back.
        time += Bool.random(using: &generator) ? 5 : Double.random(in: 0...7200, using: &generator)
        let now = Int.random(in: 0..<20, using: &generator) == 0 ? time - 5000 : time
        let amount = Double.random(in: 0...0.3, using: &generator)
        if ledger.reserve(amount, utterance: id, at: now) {
          open.append((id, amount, (time / 86_400).rounded(.down)))
        } else {
          refused += 1
        }
        while !open.isEmpty, Bool.random(using: &generator) {
          let done = open.remove(at: Int.random(in: 0..<open.count, using: &generator))
          // Now and then a caller forgets to settle; the reservation then counts in full.
          if Int.random(in: 0..<30, using: &generator) == 0 { continue }
          let spent = done.amount * Double.random(in: 0...1, using: &generator)
          ledger.settle(spent, utterance: done.id, at: now)
          byStart[done.day, default: 0] += spent
          byEnd[(time / 86_400).rounded(.down), default: 0] += spent
        }
        #expect(ledger.available(at: now) >= 0)
      }
      for spent in byEnd.values { #expect(spent <= budget.perDay * (1 + 1e-9)) }
      for spent in byStart.values { #expect(spent <= budget.perDay * (1 + 1e-9)) }
      if budget.perDay > 0.5 { #expect(byEnd.values.contains { $0 > 0.5 * budget.perDay }) }
      #expect(refused > 0)
    }
  }

  @Test func theLedgerNamesWhoIgnoresItsLimit() {
    var ledger = BudgetLedger(Budget(resource: .joules, perDay: 10))
    let granted = [
      ledger.reserve(2, utterance: 1, at: 0), ledger.reserve(2, utterance: 1, at: 0),
      ledger.reserve(.nan, utterance: 2, at: 0),
    ]
    #expect(granted == [true, false, false])
    ledger.settle(3, utterance: 1, at: 1)
    #expect(ledger.overruns == 1)
    #expect(ledger.spent == 3)
    #expect(ledger.available(at: 1) == 7)
    #expect(ledger.available(at: 86_401) == 10)
    // Never settled: counted in full once no utterance can still be under way.
    let late = [ledger.reserve(4, utterance: 3, at: 2), ledger.reserve(0, utterance: 4, at: 700)]
    #expect(late == [true, true])
    #expect(ledger.spent == 7)
  }

  @Test func withoutABudgetNothingIsOffloaded() {
    let policy = BudgetPolicy(SmallWorld.settings())
    var world = SmallWorld(SmallWorld.good, seed: 1)
    for _ in 0..<100 {
      let result = world.next(policy)
      #expect(!result.wasOffloaded)
    }
  }

  /// Two utterances see the same last megabytes; only one of them gets them.
  @Test func whatIsTakenMeanwhileIsRefused() throws {
    let exits = (1...4).map { Fixtures.exit($0, entropy: 0.7) }
    let evidence = Fixtures.evidence(exits: exits)
    let probe = BudgetPolicy(
      SmallWorld.settings(budget: Budget(resource: .megabytes, perDay: 10)))
    let needed = try #require(probe.decide(evidence).predictedCost).bytes * 1e-6 * 1.25
    let policy = BudgetPolicy(
      SmallWorld.settings(budget: Budget(resource: .megabytes, perDay: 1.5 * needed)))
    let first = policy.decide(evidence)
    let second = policy.decide(evidence)
    #expect(first.action.isOffload && second == first)
    #expect(policy.begin(first, utterance: 1, at: 0) == .granted(bytes: needed * 1e6))
    #expect(policy.begin(second, utterance: 2, at: 0) == .refused)
    let again = policy.decide(evidence)
    #expect(again.action == .stop(exit: 4))
    #expect(again.reason.code == "budget-spent")
    #expect(policy.begin(again, utterance: 2, at: 0) == .granted(bytes: nil))
    // Cancelled before a byte was sent: all of it is there again.
    policy.observe(Outcome(utterance: 1, time: 1, decisions: [first]))
    #expect(policy.decide(evidence).action == first.action)
  }

  /// Costs an utterance and use a day of `policy` over `days` in a world in which offloading pays.
  static func run(_ policy: any Policy, days: Int, seed: UInt64, truth: SmallWorld.Truth)
    -> (cost: Double, bytes: [Double], joules: [Double])
  {
    var world = SmallWorld(truth, seed: seed)
    var cost = 0.0
    var count = 0.0
    var bytes = Array(repeating: 0.0, count: days + 1)
    var joules = bytes
    while world.time < Double(days) * 86_400 {
      // Nobody speaks at night.
      let hour = (world.time / 3600).truncatingRemainder(dividingBy: 24)
      let result = world.next(policy, pause: hour < 7 ? 1800 : 90)
      let day = Int(world.time / 86_400)
      bytes[day] += result.outcome.bytes
      joules[day] += result.outcome.radioEnergy
      if world.time > 2 * 86_400 {
        cost += result.cost
        count += 1
      }
    }
    return (cost / count, bytes, joules)
  }

  /// What a price that was chosen knowing everything would have reached: no memory, no hard limit.
  struct FixedPrice: Policy {
    let name = "fixed-price"
    let plan: ExpectedCostPlan
    let price: Double

    init(_ settings: PolicySettings, price: Double) {
      plan = ExpectedCostPlan(settings)
      self.price = price
    }

    func decide(_ evidence: Evidence) -> Decision {
      let predictions = plan.predictions(evidence)
      let values = plan.values(evidence, predictions, prices: .init(byte: price)) { cost in
        AnswerTimes(
          plan.costs.parts(ofOffload: cost, link: evidence.link, edge: evidence.edge),
          link: evidence.link, edge: evidence.edge, model: plan.costs.model)
      }
      return PlannedDecision.make(
        policy: name, evidence: evidence, predictions: predictions, values: values,
        choice: .none, seed: 0)
    }
  }

  @Test(arguments: [0.3, 1, 3]) func itKeepsTheBudgetAndSpendsItWell(megabytes: Double) {
    let days = 12
    var ratios = 0.0
    for seed in UInt64(0)..<3 {
      let settings = SmallWorld.settings(
        budget: Budget(resource: .megabytes, perDay: megabytes), seed: seed)
      let policy = BudgetPolicy(settings)
      let (cost, bytes, _) = Self.run(policy, days: days, seed: seed, truth: SmallWorld.good)
      for used in bytes { #expect(used <= megabytes * 1e6) }
      #expect(policy.state.ledger.overruns == 0)
      // The lowest fixed price whose use is within the budget on average: the best in hindsight.
      var low = 0.0
      var high = 1e-3
      var best = Double.infinity
      for _ in 0..<14 {
        let price = (low + high) / 2
        let fixed = Self.run(
          FixedPrice(settings, price: price), days: days, seed: seed, truth: SmallWorld.good)
        if fixed.bytes.reduce(0, +) / Double(days) <= megabytes * 1e6 {
          best = fixed.cost
          high = price
        } else {
          low = price
        }
      }
      ratios += cost / best / 3
    }
    print("budget \(megabytes) MB a day: \(ratios) of the best price in hindsight")
    #expect(ratios <= 1.1)
  }

  @Test func joulesAreKeptAsWell() {
    let policy = BudgetPolicy(
      SmallWorld.settings(budget: Budget(resource: .joules, perDay: 5)))
    let (_, _, joules) = Self.run(policy, days: 5, seed: 4, truth: SmallWorld.good)
    for used in joules { #expect(used <= 5) }
    #expect(joules.contains { $0 > 2.5 })
  }
}
