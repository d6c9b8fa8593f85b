/// A policy that can tell what it is worth to have computed deeper when the user stops speaking.
///
/// Others are taken to want what they would compute next, by what was heard so far.
public protocol DepthPlanning: Policy {
  /// The least cost to expect at the end, in cost units, if so many blocks keep up with the speech; what they draw from the
  /// device is not in it.
  /// - Parameter evidence: of what was heard, as if the utterance were over.
  func expectedCost(_ evidence: Evidence, keepingUpTo blocks: Int) -> Double
}

extension DepthPlanning {
  /// How deep to compute while the user speaks: exit by exit, as long as the expected wait and errors that this saves are worth
  /// more than the joules.
  /// - Parameters:
  ///   - blocks: that keep up in any case.
  ///   - most: that the device can keep up with.
  func depth(_ evidence: Evidence, from blocks: Int, most: Int, costs: CostPredictor) -> Int {
    guard var deeper = evidence.model.exits.first(where: { $0.afterBlock > blocks }),
      deeper.afterBlock <= most
    else { return blocks }
    var depth = blocks
    var cost = expectedCost(evidence, keepingUpTo: depth)
    while cost.isFinite {
      let next = expectedCost(evidence, keepingUpTo: deeper.afterBlock)
      let work =
        (evidence.model.operations(blocks: depth, to: deeper.afterBlock)
          + evidence.model.exitOperations) * evidence.frameCount
      let price =
        costs.joules(computingFor: work / costs.operationsPerSecond(evidence), evidence)
        * costs.model.weights.joule
      guard next + price < cost else { break }
      (depth, cost) = (deeper.afterBlock, next)
      guard let further = evidence.model.exit(after: deeper.exit), further.afterBlock <= most
      else { break }
      deeper = further
    }
    return depth
  }
}
