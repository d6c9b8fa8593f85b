/// Stops at the first exit whose confidence passes its threshold (arXiv 2309.09546); offloads what is still
/// not confident after `offloadAfterExit`.
///
/// - Before the first exit: go on to it.
/// - Confident: stop.
/// - Not confident, and an exit up to `offloadAfterExit` (default: the last) is left: go on to it.
/// - Otherwise: offload at this layer. If an offload is known to be impossible (no edge, link down, not
///   back by the deadline), go on to the deeper exits, and take the last one's transcript.
///
/// The default tries every exit first: an utterance then costs bytes only if no exit was sure of it, and
/// the hedge has the best transcript that the device can make.
public struct ConfidencePolicy: NamedPolicy {
  public static let name = "confidence"

  private let costs: CostPredictor
  private let calibration: Calibration
  private let criterion: ConfidenceCriterion
  private let expectations: ErrorExpectations
  private let offloadAfterExit: Int?
  private let choice: OffloadChoice

  public init(_ settings: PolicySettings) {
    costs = settings.costs
    calibration = settings.calibration
    criterion = settings.criterion
    expectations = settings.expectations
    offloadAfterExit = settings.offloadAfterExit
    choice = OffloadChoice(codec: settings.codec, packetDuration: settings.packetDuration)
  }

  public func decide(_ evidence: Evidence) -> Decision {
    let predictions = costs.predictions(evidence, expectations: expectations)
    func decision(_ action: Action, _ reason: Reason) -> Decision {
      Decision(
        policy: name, action: action, reason: reason, predictions: predictions,
        evidence: evidence)
    }
    guard let last = evidence.exits.last else { return decision(.nextExit, .noExitYet) }

    let judgement = Judgement.of(last, calibration: calibration, criterion: criterion)
    if case .confident = judgement { return decision(.stop(exit: last.exit), judgement) }

    if let next = evidence.nextExit, next.exit <= (offloadAfterExit ?? Int.max) {
      return decision(.nextExit, judgement)
    }
    let offload = choice.action(at: last.afterBlock, in: evidence.options)
    if let obstacle = choice.obstacle(to: offload, evidence: evidence, predictions: predictions) {
      let local: Action = evidence.nextExit == nil ? .stop(exit: last.exit) : .nextExit
      return decision(local, obstacle)
    }
    return decision(offload ?? .stop(exit: last.exit), judgement)
  }
}
