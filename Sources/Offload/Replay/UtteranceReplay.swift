/// Takes one logged utterance through another policy.
///
/// At every exit the other policy sees the very evidence that was logged. Up to where it ends the utterance, the row
/// reveals what it would have met if the logged policy went as far, and, for an offload, shipped the same. A local answer
/// is revealed by every utterance that passed its exit: what observes more arms than it pulls is weighted by how
/// probably it observes them (Alon et al., SIAM J. Computing 46(6), 2017).
public struct UtteranceReplay: Sendable {
  /// What the log holds of one utterance.
  public struct Row: Sendable {
    public var decisions: [Decision]
    /// Every exit that was computed, the hedge's included.
    public var exits: [ExitEvidence]
    /// Measured, in cost units.
    public var actualTotal: Double

    public init(decisions: [Decision], exits: [ExitEvidence], actualTotal: Double) {
      self.decisions = decisions
      self.exits = exits
      self.actualTotal = actualTotal
    }
  }

  private let policy: any Policy
  private let model: ModelShape
  private let costs: CostPredictor
  private let deadline: Double
  private let seed: UInt64

  /// - Parameters:
  ///   - policy: the other policy. One that learns is taken as it stands; it is told nothing.
  ///   - model: the shape of the model that the log was made with.
  ///   - deadline: seconds that an utterance had, from which the time of a decision follows.
  ///   - seed: of the other policy's chance, which must not be the logged one's.
  public init(
    policy: any Policy, model: ModelShape, costs: CostPredictor, deadline: Double, seed: UInt64
  ) {
    self.policy = policy
    self.model = model
    self.costs = costs
    self.deadline = deadline
    self.seed = seed
  }

  /// - Parameter number: the row's, so that every row has chance of its own.
  /// - Returns: nil if a decision was logged without what the policy saw (a log of version 1), or is not
  ///   predicted.
  public func replay(_ row: Row, number: UInt64) -> ReplayedUtterance? {
    guard !row.decisions.isEmpty, row.decisions.allSatisfy({ $0.context != nil }) else {
      return nil
    }
    var walk: [Decision] = []
    // 1 / probability of the logged policy's going as far as the current exit.
    var reach = 1.0
    var result = ReplayedUtterance(
      verdict: .hidden, doublyRobust: 0, predicted: 0, loggedCost: row.actualTotal, offloads: false,
      exactCost: nil)
    // Whether the logged policy has done the same so far.
    var isSame = true
    // Ends where the other policy ends the utterance, or goes on although the row holds no further exit: then what
    // comes is predicted.
    while let evidence = evidence(row, stage: walk.count, number: number, walk: walk) {
      let logged = walk.count < row.decisions.count ? row.decisions[walk.count] : nil
      let decision = policy.decide(evidence)
      walk.append(decision)
      guard let predicted = DecisionChain(walk).predictedTotal else { return nil }
      // Sequential doubly robust (Jiang and Li, ICML 2016): at every exit the prediction with
      // what was known there, corrected by what came after as far as the logged policy went the same way.
      if isSame { result.doublyRobust += reach * (predicted - result.predicted) }
      result.predicted = predicted
      result.offloads = decision.action.isOffload
      switch decision.action {
      case .stop:
        // Who came as far as this exit knows what stopping here costs, whatever was done then.
        let cost =
          isSame && logged?.action == decision.action
          ? row.actualTotal : exactCost(decision, evidence)
        result.exactCost = cost
        if isSame, let cost { reveal(&result, cost: cost, reach: reach) }
        return result
      case .nextExit, .offload:
        guard isSame, let logged else { break }
        let probability = logged.propensity(of: decision.action)
        if probability <= 0 { result.verdict = .unsupported }
        isSame = decision.action == logged.action
        if isSame { reach /= probability }
        if isSame, decision.action.isOffload {
          result.exactCost = row.actualTotal
          reveal(&result, cost: row.actualTotal, reach: reach)
        }
      }
      if decision.action.isOffload { return result }
    }
    return walk.isEmpty ? nil : result
  }

  private func reveal(_ result: inout ReplayedUtterance, cost: Double, reach: Double) {
    result.doublyRobust += reach * (cost - result.predicted)
    result.verdict = .revealed(cost: cost, probability: 1 / reach)
  }

  /// What was seen before exit `stage` + 1: as logged, or, beyond the logged decisions, with the exits that the hedge
  /// computed and the time that computing them is predicted to take. nil if the row holds no such exit.
  private func evidence(
    _ row: Row, stage: Int, number: UInt64, walk: [Decision]
  ) -> Evidence? {
    guard stage <= row.exits.count, stage <= model.exits.count else { return nil }
    let index = min(stage, row.decisions.count - 1)
    guard let context = row.decisions[index].context else { return nil }
    var evidence = context.evidence(model: model, exits: Array(row.exits.prefix(stage)))
    for decision in walk.dropFirst(index).prefix(stage - index) {
      evidence.deadlineRemaining -= decision.predictedCost?.latency ?? 0
    }
    evidence.draw = UInt32(
      truncatingIfNeeded: Chance.bits(seed: seed, draw: number, stage: 0x5EED))
    return evidence
  }

  /// What stopping costs, computed as the device computes it: nil for anything else.
  private func exactCost(_ decision: Decision, _ evidence: Evidence) -> Double? {
    guard case .stop(let exit) = decision.action,
      let point = model.exits.first(where: { $0.exit == exit })
    else { return nil }
    let use = MeasuredUse(
      latency: max(0, deadline - evidence.deadlineRemaining), blocksDone: point.afterBlock,
      exitsDone: evidence.exits.count, expectedErrors: decision.predictedCost?.expectedErrors)
    return costs.actualCost(
      use, model: model, utteranceSeconds: evidence.utteranceSeconds
    ).total
  }
}
