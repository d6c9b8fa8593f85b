import Synchronization

/// Takes the action with the lowest expected cost, as `model-based` does, while a day's megabytes or joules
/// last: spending has a price that rises as spending runs ahead of the budget.
///
/// Lyapunov drift-plus-penalty (Neely, Stochastic Network Optimization, 2010): minimising
/// V * J(action) + Q * use(action) at every decision keeps the mean use within the budget and the mean cost
/// within O(1/V) of the best. Q is the ledger's virtual queue; 1/V is set so that being a twentieth of a day's
/// budget ahead makes an offload cost as much as it is worth on average, as far as that has been seen.
///
/// That alone keeps the budget only on average. The ledger's reservations keep it every day: without room for
/// an offload's worst case there is none.
public final class BudgetPolicy: NamedPolicy, LearningPolicy, DepthPlanning {
  public static let name = "budget"
  public static let usualCriterion = expectedCostCriterion
  public var mayProbe: Bool { false }

  /// What an offload may send beyond what was predicted: acknowledgements, repeated segments.
  static let reserveFactor = 1.25
  /// Share of a day's budget by which spending is ahead when an average offload is no longer worth its price.
  static let aheadShare = 0.05
  /// Weight of an utterance in the running means.
  static let learningRate = 0.02

  /// What it remembers.
  public struct State: Hashable, Codable, Sendable {
    public var ledger: BudgetLedger
    /// Running mean of what an offload is predicted to take, over utterances for which one was worth while.
    public var meanUse: Double?
    /// Running mean of the cost units that such an offload is predicted to save.
    public var meanGain: Double?
  }

  private let plan: ExpectedCostPlan
  private let choice: DampedChoice
  private let seed: UInt64
  private let memory: Mutex<State>

  /// Without memory of an earlier run.
  public convenience init(_ settings: PolicySettings) { self.init(settings, state: nil) }

  /// - Parameter state: from an earlier run; what it has spent stays spent if the budget is another one. nil starts
  ///   afresh.
  public init(_ settings: PolicySettings, state: State?) {
    plan = ExpectedCostPlan(settings)
    choice = settings.dampedChoice
    seed = settings.seed
    let budget = settings.budget ?? Budget(resource: .megabytes, perDay: 0)
    var initial = state ?? State(ledger: BudgetLedger(budget), meanUse: nil, meanGain: nil)
    if initial.ledger.budget != budget { initial.ledger = initial.ledger.with(budget) }
    memory = Mutex(initial)
  }

  /// What it remembers now, for keeping it over a restart.
  public var state: State { memory.withLock { $0 } }

  public func decide(_ evidence: Evidence) -> Decision {
    let predictions = plan.predictions(evidence)
    let (prices, left, budget) = memory.withLock { state in
      (
        Self.prices(state, at: evidence.time), state.ledger.available(at: evidence.time),
        state.ledger.budget
      )
    }
    var values = plan.values(evidence, predictions, prices: prices)
    var needed = Double.infinity
    var cheapestAllowed = Double.infinity
    var cheapest = Double.infinity
    for (index, prediction) in predictions.enumerated()
    where prediction.action.isOffload && values[index].isFinite {
      let reservation = reservation(
        prediction.cost, budget, seconds: evidence.deadlineRemaining)
      cheapest = min(cheapest, values[index])
      // What was set aside when sending ahead began covers this offload, and nothing else can take it.
      let isCovered =
        evidence.streamed?.reservedBytes.map {
          prediction.cost.bytes * Self.reserveFactor <= $0
        } ?? (reservation <= left)
      if isCovered {
        cheapestAllowed = min(cheapestAllowed, values[index])
      } else {
        needed = min(needed, reservation)
        values[index] = .infinity
      }
    }
    let refusal: Reason? =
      cheapest.isFinite && !cheapestAllowed.isFinite
      ? .budgetSpent(needed: needed, left: left) : nil
    return PlannedDecision.make(
      policy: name, evidence: evidence, predictions: predictions, values: values, choice: choice,
      seed: seed, refusal: refusal)
  }

  public func expectedCost(_ evidence: Evidence, keepingUpTo blocks: Int) -> Double {
    plan.leastCost(
      evidence, keepingUpTo: blocks,
      prices: memory.withLock { Self.prices($0, at: evidence.time) })
  }

  private static func prices(_ state: State, at time: Double) -> ExpectedCostPlan.Prices {
    let price = price(state, at: time)
    return switch state.ledger.budget.resource {
    case .megabytes: ExpectedCostPlan.Prices(byte: price * 1e-6)
    case .joules: ExpectedCostPlan.Prices(radioJoule: price)
    }
  }

  public func begin(_ decision: Decision, utterance: UInt64, at time: Double) -> Permission {
    guard decision.action.isOffload, let cost = decision.predictedCost else {
      return .granted(bytes: nil)
    }
    return memory.withLock { state in
      let amount = reservation(
        cost, state.ledger.budget, seconds: decision.context?.deadlineRemaining ?? .infinity)
      guard state.ledger.reserve(amount, utterance: utterance, at: time) else { return .refused }
      return .granted(bytes: cost.bytes * Self.reserveFactor)
    }
  }

  /// The most that an offload can take: with so many bytes, and a radio that is busy until the deadline.
  private func reservation(_ cost: PredictedCost, _ budget: Budget, seconds: Double) -> Double {
    switch budget.resource {
    case .megabytes: cost.bytes * Self.reserveFactor * 1e-6
    case .joules:
      plan.costs.mostRadioEnergy(ofOffload: cost, factor: Self.reserveFactor, seconds: seconds)
    }
  }

  public func observe(_ outcome: Outcome) {
    memory.withLock { state in
      state.ledger.settle(
        state.ledger.budget.use(outcome), utterance: outcome.utterance, at: outcome.time)
      guard let (use, gain) = Self.worth(outcome, state.ledger.budget) else { return }
      state.meanUse = Self.mean(state.meanUse, use)
      state.meanGain = Self.mean(state.meanGain, gain)
    }
  }

  /// Cost units for a megabyte or joule.
  private static func price(_ state: State, at time: Double) -> Double {
    guard let use = state.meanUse, let gain = state.meanGain, use > 0 else { return 0 }
    let ahead = aheadShare * state.ledger.budget.perDay
    return ahead > 0 ? state.ledger.backlog(at: time) / ahead * gain / use : 0
  }

  /// What an offload would have used and saved at the last decision; nil if it was not worth while.
  private static func worth(_ outcome: Outcome, _ budget: Budget) -> (use: Double, gain: Double)? {
    var local = Double.infinity
    var offload: PredictedCost?
    for prediction in outcome.decisions.last?.predictions ?? [] {
      if prediction.action.isOffload {
        if prediction.cost.total < offload?.total ?? .infinity { offload = prediction.cost }
      } else {
        local = min(local, prediction.cost.total)
      }
    }
    guard let offload, local.isFinite, local > offload.total else { return nil }
    return (budget.use(offload), local - offload.total)
  }

  private static func mean(_ old: Double?, _ new: Double) -> Double {
    old.map { $0 + learningRate * (new - $0) } ?? new
  }
}
