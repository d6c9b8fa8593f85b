/// Takes the action with the lowest expected cost J, as `ExpectedCostPlan` computes it from calibrated error
/// curves, the link's percentiles and the edge's expected wait: when to stop, where to split, with which
/// codec and packet duration (Neurosurgeon, ASPLOS 2017; SPINN, MobiCom 2020). Near ties are drawn, see
/// `DampedChoice`.
public struct ModelBasedPolicy: Policy {
  public static let name = "model-based"
  public var name: String { Self.name }

  private let plan: ExpectedCostPlan
  private let choice: DampedChoice
  private let seed: UInt64

  public init(_ settings: PolicySettings) {
    plan = ExpectedCostPlan(settings)
    choice = settings.dampedChoice
    seed = settings.seed
  }

  public func decide(_ evidence: Evidence) -> Decision {
    let predictions = plan.predictions(evidence)
    let values = plan.values(evidence, predictions) { cost in
      AnswerTimes(
        plan.costs.parts(ofOffload: cost, link: evidence.link, edge: evidence.edge),
        link: evidence.link, edge: evidence.edge, model: plan.costs.model)
    }
    return PlannedDecision.make(
      policy: name, evidence: evidence, predictions: predictions, values: values, choice: choice,
      seed: seed)
  }
}
