/// Offloads what is not confident, but only if the answer is predicted to be back in time: within the user's
/// cloud latency and the deadline, nine times in ten.
///
/// - Before the first exit: go on to it.
/// - Confident (as `confidence` judges): stop.
/// - Otherwise, if some offload's ninetieth percentile (bandwidth's tenth, round trip's and wait's
///   ninetieth) is within what is allowed: the one with the lowest predicted cost among these.
/// - Otherwise: go on to the deeper exits while the deadline allows, and take the last one's transcript.
///
/// Unlike `confidence`, which compares medians, it does not gamble; and it asks again at every exit.
public struct DeadlinePolicy: NamedPolicy {
  public static let name = "deadline"

  private let plan: ExpectedCostPlan
  private let calibration: Calibration
  private let criterion: ConfidenceCriterion
  private let cloudLatency: Double

  public init(_ settings: PolicySettings) {
    plan = ExpectedCostPlan(settings)
    calibration = settings.calibration
    criterion = settings.criterion
    cloudLatency = settings.cloudLatency
  }

  public func decide(_ evidence: Evidence) -> Decision {
    let predictions = plan.predictions(evidence)
    func decision(_ action: Action, _ reason: Reason) -> Decision {
      Decision(
        policy: name, action: action, reason: reason, predictions: predictions, evidence: evidence)
    }
    guard let last = evidence.exits.last else { return decision(.nextExit, .noExitYet) }
    let judgement = Judgement.of(last, calibration: calibration, criterion: criterion)
    if case .confident = judgement { return decision(.stop(exit: last.exit), judgement) }

    let allowed = min(cloudLatency, evidence.deadlineRemaining)
    var best: (action: Action, total: Double, seconds: Double)?
    var soonest = Double.infinity
    for prediction in predictions where prediction.action.isOffload {
      let cost = prediction.cost
      let parts = plan.costs.parts(ofOffload: cost, link: evidence.link, edge: evidence.edge)
      let seconds = AnswerTimes(
        parts, link: evidence.link, edge: evidence.edge, model: plan.costs.model
      ).ninetieth
      soonest = min(soonest, seconds)
      if seconds <= allowed, cost.total < best?.total ?? .infinity {
        best = (prediction.action, cost.total, seconds)
      }
    }
    if let best, evidence.link.connectivity != .disconnected {
      return decision(
        best.action, .inTime(predictedSeconds: best.seconds, allowedSeconds: allowed))
    }
    let obstacle: Reason =
      evidence.options.isEmpty
      ? .noEdge
      : evidence.link.connectivity == .disconnected
        ? .linkDown : .deadlineTooShort(predictedSeconds: soonest, remainingSeconds: allowed)
    if let next = evidence.nextExit,
      plan.costs.localWork(evidence, to: next).seconds <= evidence.deadlineRemaining
    {
      return decision(.nextExit, obstacle)
    }
    return decision(.stop(exit: last.exit), obstacle)
  }
}
