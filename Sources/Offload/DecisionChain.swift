/// All decisions about one utterance, in order, seen as one prediction for the whole utterance.
///
/// A single decision predicts from its own moment on; what was measured covers the utterance from its
/// end to its answer. Added up along the chain the two can be compared.
public struct DecisionChain: Hashable, Sendable {
  public var decisions: [Decision]

  public init(_ decisions: [Decision]) {
    self.decisions = decisions
  }

  /// Seconds from the first decision to the answer, as the chosen actions were predicted; nil if a chosen
  /// action was not.
  public var predictedLatency: Double? { sum { cost, _ in cost.latency } }

  /// Cost units for the whole utterance. Errors are counted once, for the answer that was settled on.
  public var predictedTotal: Double? {
    sum { cost, isLast in isLast ? cost.total : cost.total - cost.errorTotal }
  }

  /// Expected word errors of the answer that was settled on; nil if unknown.
  public var expectedErrors: Double? { decisions.last?.predictedCost?.expectedErrors }

  /// How probably the policy was to decide so, from the first decision to the last; nil without decisions.
  public var propensity: Double? {
    decisions.isEmpty ? nil : decisions.reduce(1) { $0 * $1.propensity }
  }

  private func sum(_ term: (PredictedCost, _ isLast: Bool) -> Double) -> Double? {
    var sum = 0.0
    for (index, decision) in decisions.enumerated() {
      guard let cost = decision.predictedCost else { return nil }
      sum += term(cost, index == decisions.count - 1)
    }
    return decisions.isEmpty ? nil : sum
  }
}
