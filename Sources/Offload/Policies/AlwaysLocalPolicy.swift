/// Goes through every exit and answers with the last one's transcript; nothing ever leaves the device.
public struct AlwaysLocalPolicy: NamedPolicy {
  public static let name = "always-local"
  public var usesLink: Bool { false }

  private let costs: CostPredictor
  private let expectations: ErrorExpectations

  public init(_ settings: PolicySettings) {
    costs = settings.costs
    expectations = settings.expectations
  }

  public func decide(_ evidence: Evidence) -> Decision {
    let action: Action
    if evidence.nextExit == nil, let last = evidence.exits.last {
      action = .stop(exit: last.exit)
    } else {
      action = .nextExit
    }
    return Decision(
      policy: name, action: action, reason: .policyFixed,
      predictions: costs.predictions(evidence, expectations: expectations),
      evidence: evidence)
  }
}
