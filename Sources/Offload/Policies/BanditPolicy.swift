import Synchronization

/// Learns from its own offloads how long the edge's answers take, and takes the action whose expected cost is lowest
/// if that is so: LinUCB with forced sampling and discounting.
///
/// The idea of Autodidactic Neurosurgeon (Zhang, Chen and Xu, WWW 2021): the time on the device is
/// known; that of link and edge is learnt, as a linear function of what is shipped and what is left to compute.
/// Features of an offload: 1 (round trip and wait), megabits to send (the inverse bandwidth), predicted seconds of edge
/// core (the edge's speed) and the advertised wait (how far it is to be believed). LinUCB (Li et al., WWW 2010,
/// algorithm 1) takes uncertain offloads for better than expected. Staying local teaches nothing, so a policy
/// could get stuck there; against this, ANS's forced sampling (here at random, so that every action's probability is
/// known and the log can be replayed) and discounting (`DiscountedLinearModel`).
///
/// What else an action costs (errors, energy, bytes) comes from `ExpectedCostPlan`; only the times are learnt.
public final class BanditPolicy: NamedPolicy, LearningPolicy {
  public static let name = "bandit"
  public static let usualCriterion = expectedCostCriterion

  /// Cost units over which a forced offload's probability falls to 1/e.
  static let forcedTemperature = 0.5

  /// What it remembers.
  public struct State: Hashable, Codable, Sendable {
    /// Seconds of link and edge, from an offload's features.
    var model: DiscountedLinearModel
    /// Utterances seen; changes what is drawn even if nobody hands in `Evidence.draw`.
    public internal(set) var utterances = 0
    /// Offloads seen.
    public internal(set) var offloads = 0
    /// Offloads in a row that were not answered.
    var unanswered: Int?
  }

  private let plan: ExpectedCostPlan
  private let settings: BanditSettings
  private let choice: DampedChoice
  private let seed: UInt64
  private let memory: Mutex<State>

  /// Without memory of an earlier run.
  public convenience init(_ settings: PolicySettings) { self.init(settings, state: nil) }

  /// - Parameter state: from an earlier run; nil starts from the costs' assumptions about the link.
  public init(_ settings: PolicySettings, state: State?) {
    plan = ExpectedCostPlan(settings)
    self.settings = settings.bandit
    choice = settings.dampedChoice
    seed = settings.seed
    let costs = settings.costs.model
    memory = Mutex(
      state
        ?? State(
          model: DiscountedLinearModel(
            prior: [costs.assumedRoundTrip, 1e6 / max(costs.assumedBandwidth, 1), 1, 1],
            scale: [1, 0.1, 0.1, 0.2], strength: 0.1, deviation: 0.2,
            memory: settings.bandit.memory)))
  }

  /// What it remembers now, for keeping it over a restart.
  public var state: State { memory.withLock { $0 } }

  public func decide(_ evidence: Evidence) -> Decision {
    let state = memory.withLock { $0 }
    let predictions = plan.predictions(evidence)
    let optimism = settings.optimism
    let deviation = state.model.deviation
    let values = plan.values(evidence, predictions) { cost in
      let parts = plan.costs.parts(ofOffload: cost, link: evidence.link, edge: evidence.edge)
      let (mean, width) = state.model.predict(
        Self.features(parts, wait: evidence.edge.expectedWait))
      let expected = mean - optimism * deviation * min(width, 3)
      func seconds(_ deviations: Double) -> Double {
        parts.deviceSeconds + max(0, expected + deviations * deviation)
      }
      // The tenth, fiftieth and ninetieth percentile of a normal distribution.
      return AnswerTimes(tenth: seconds(-1.28), median: seconds(0), ninetieth: seconds(1.28))
    }
    let planned = PlannedDecision.make(
      policy: name, evidence: evidence, predictions: predictions, values: values, choice: choice,
      seed: seed &+ UInt64(state.utterances))
    return force(planned, values, evidence, state)
  }

  /// Offloads now and then where the plan ends the utterance: with probability `exploration`, one of the offloads, the
  /// cheaper the likelier. Going on is never forced away: the utterance comes by here once more.
  private func force(
    _ planned: Decision, _ values: [Double], _ evidence: Evidence, _ state: State
  ) -> Decision {
    let offloads = planned.predictions.indices.filter {
      planned.predictions[$0].action.isOffload && values[$0].isFinite
    }
    let cheapest = offloads.map { values[$0] }.min()
    guard let cheapest, settings.exploration > 0 else { return planned }
    let weights = offloads.map { exponential((cheapest - values[$0]) / Self.forcedTemperature) }
    let sum = weights.reduce(0, +)
    var decision = planned
    // With `nextExit` among the near ties the plan's draw comes first, and forcing after it.
    let onward = planned.propensity(of: .nextExit)
    for index in decision.predictions.indices
    where decision.predictions[index].action != .nextExit {
      decision.predictions[index].probability? *= 1 - settings.exploration
    }
    for (index, weight) in zip(offloads, weights) {
      decision.predictions[index].probability! +=
        (1 - onward) * settings.exploration * weight / sum
    }
    guard planned.action != .nextExit else { return decision }
    func uniform(_ stage: UInt64) -> Double {
      Chance.uniform(
        seed: seed &+ UInt64(state.utterances), draw: UInt64(evidence.draw), stage: stage)
    }
    guard uniform(1 << 32) < settings.exploration else { return decision }
    var left = uniform(1 << 33) * sum
    var chosen = offloads[offloads.count - 1]
    for (index, weight) in zip(offloads, weights) {
      left -= weight
      if left < 0 {
        chosen = index
        break
      }
    }
    decision.action = decision.predictions[chosen].action
    decision.reason = .exploring(probability: decision.propensity)
    return decision
  }

  public func begin(_ decision: Decision, utterance: UInt64, at time: Double) -> Permission {
    .granted(bytes: nil)
  }

  public func observe(_ outcome: Outcome) {
    let observation = observation(outcome)
    memory.withLock { state in
      state.utterances += 1
      state.model.forget()
      guard let observation else { return }
      state.offloads += 1
      state.unanswered = outcome.answeredByEdge ? 0 : (state.unanswered ?? 0) + 1
      // One that failed alone met an outage, of which `LinkEstimate.silence` knows; a second says that times are no
      // longer what they were.
      guard outcome.answeredByEdge || state.unanswered ?? 0 > 1 else { return }
      state.model.observe(observation.features, observation.seconds)
    }
  }

  /// What an offload taught; nil if there was none.
  ///
  /// One that was given up took at least as long as it was waited for. Taking it for just that long keeps it on the far
  /// side of the deadline, which is all that matters to a decision; but a link that was lost at once must not look fast.
  private func observation(_ outcome: Outcome) -> (features: SIMD4<Double>, seconds: Double)? {
    guard let decision = outcome.decisions.last, decision.action.isOffload,
      let cost = decision.predictedCost, let context = decision.context,
      let seconds = outcome.offloadSeconds, seconds >= 0, seconds.isFinite
    else { return nil }
    let parts = plan.costs.parts(ofOffload: cost, link: context.link, edge: context.edge)
    let waited =
      outcome.answeredByEdge ? seconds : max(seconds, 1.25 * max(context.deadlineRemaining, 0))
    return (
      Self.features(parts, wait: context.edge.expectedWait), max(0, waited - parts.deviceSeconds)
    )
  }

  private static func features(_ parts: OffloadParts, wait: Double) -> SIMD4<Double> {
    [1, parts.bits * 1e-6, parts.serverSeconds, wait]
  }
}
