/// Takes the action with the lowest expected cost J, as `ExpectedCostPlan` computes it from calibrated error
/// curves, the link's percentiles and the edge's expected wait: when to stop, where to split, with which
/// codec and packet duration (Neurosurgeon, ASPLOS 2017; SPINN, MobiCom 2020). Near ties are drawn, see
/// `DampedChoice`.
public struct ModelBasedPolicy: NamedPolicy, DepthPlanning {
  public static let name = "model-based"
  public static let usualCriterion = expectedCostCriterion

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
    let values = plan.values(evidence, predictions)
    return PlannedDecision.make(
      policy: name, evidence: evidence, predictions: predictions, values: values, choice: choice,
      seed: seed)
  }

  public func expectedCost(_ evidence: Evidence, keepingUpTo blocks: Int) -> Double {
    plan.leastCost(evidence, keepingUpTo: blocks)
  }
}
