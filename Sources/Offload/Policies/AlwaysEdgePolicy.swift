/// Offloads every utterance before the first exit. Stays local only where an offload is known to be
/// impossible: no edge, link down, or not back by the deadline.
public struct AlwaysEdgePolicy: NamedPolicy {
  public static let name = "always-edge"

  private let costs: CostPredictor
  private let expectations: ErrorExpectations
  private let splitLayer: Int?
  private let choice: OffloadChoice

  public init(_ settings: PolicySettings) {
    costs = settings.costs
    expectations = settings.expectations
    splitLayer = settings.splitLayer
    choice = OffloadChoice(codec: settings.codec, packetDuration: settings.packetDuration)
  }

  public func decide(_ evidence: Evidence) -> Decision {
    let predictions = costs.predictions(evidence, expectations: expectations)
    func decision(_ action: Action, _ reason: Reason) -> Decision {
      Decision(
        policy: name, action: action, reason: reason, predictions: predictions,
        evidence: evidence)
    }
    // A split that lies deeper than what has been computed: go on until it is there.
    if let splitLayer, evidence.blocksDone < splitLayer, evidence.nextExit != nil,
      !evidence.options.isEmpty, evidence.link.connectivity != .disconnected
    {
      return decision(.nextExit, .policyFixed)
    }
    let offload =
      splitLayer.map { choice.action(at: $0, in: evidence.options) }
      ?? choice.lowestAction(in: evidence.options)
    if let obstacle = choice.obstacle(to: offload, evidence: evidence, predictions: predictions) {
      if evidence.nextExit == nil, let last = evidence.exits.last {
        return decision(.stop(exit: last.exit), obstacle)
      }
      return decision(.nextExit, obstacle)
    }
    return decision(offload ?? .nextExit, .policyFixed)
  }
}
