/// From expected costs to a decision: what the policies that plan have in common.
enum PlannedDecision {
  /// The decision among `values`, one a prediction: drawn between the cheapest that stays on the device and the cheapest
  /// offload. Only these two can herd; the others are no candidates: ten equally good splits must not make offloading
  /// ten times as likely.
  /// Where no value is finite (a model without exits) the only way is on.
  /// - Parameter refusal: why offloads were left out of `values`; given as the reason when none is chosen.
  static func make(
    policy: String, evidence: Evidence, predictions: [Decision.Prediction], values: [Double],
    choice: DampedChoice, seed: UInt64, refusal: Reason? = nil
  ) -> Decision {
    let uniform = Chance.uniform(
      seed: seed, draw: UInt64(evidence.draw), stage: UInt64(evidence.exits.count))
    let candidates = candidates(values, predictions)
    guard let drawn = choice.choose(candidates, age: evidence.edge.age, uniform: uniform) else {
      return Decision(
        policy: policy, action: .nextExit, reason: .noExitYet, predictions: predictions,
        evidence: evidence)
    }
    var predictions = predictions
    var nextBest = Double.infinity
    for index in predictions.indices {
      predictions[index].probability = drawn.probabilities[index]
      if index != drawn.index { nextBest = min(nextBest, candidates[index]) }
    }
    let expected = values[drawn.index]
    let reason: Reason =
      if let refusal, !predictions[drawn.index].action.isOffload {
        refusal
      } else if expected > values[drawn.cheapest] {
        .nearTie(expected: expected, cheapest: values[drawn.cheapest])
      } else {
        .cheapest(expected: expected, nextBest: nextBest.isFinite ? nextBest : nil)
      }
    return Decision(
      policy: policy, action: predictions[drawn.index].action, reason: reason,
      predictions: predictions, evidence: evidence)
  }

  /// `values`, infinite for every offload but the cheapest, and for every local action but the cheapest; of equal local
  /// ones both stay.
  static func candidates(_ values: [Double], _ predictions: [Decision.Prediction]) -> [Double] {
    var candidates = values
    var cheapest: Int?
    for (index, prediction) in predictions.enumerated() where prediction.action.isOffload {
      if let best = cheapest {
        if values[index] < values[best] {
          candidates[best] = .infinity
          cheapest = index
        } else {
          candidates[index] = .infinity
        }
      } else {
        cheapest = index
      }
    }
    let local = predictions.indices.filter { !predictions[$0].action.isOffload }
    let lowest = local.map { values[$0] }.min() ?? .infinity
    for index in local where values[index] > lowest { candidates[index] = .infinity }
    return candidates
  }
}
