/// What a policy chose, why, and what it expected of every action that it could have chosen.
public struct Decision: Hashable, Codable, Sendable {
  /// An action beside its predicted cost.
  public struct Prediction: Hashable, Codable, Sendable {
    public var action: Action
    public var cost: PredictedCost
    /// How probably the policy chose this action, given the evidence; nil: the policy leaves nothing to
    /// chance.
    public var probability: Double?

    public init(action: Action, cost: PredictedCost, probability: Double? = nil) {
      self.action = action
      self.cost = cost
      self.probability = probability
    }
  }

  /// The policy's name.
  public var policy: String
  public var action: Action
  public var reason: Reason
  /// Every possible action, the chosen one included.
  public var predictions: [Prediction]
  /// What the policy saw, so that the decision can be made again; nil in logs of version 1.
  public var context: DecisionContext?

  /// - Parameter evidence: what the policy saw; nil forgets it, and the decision cannot be replayed.
  public init(
    policy: String, action: Action, reason: Reason, predictions: [Prediction],
    evidence: Evidence? = nil
  ) {
    self.policy = policy
    self.action = action
    self.reason = reason
    self.predictions = predictions
    context = evidence.map { DecisionContext($0) }
  }

  /// How probably the policy chose `action`: its propensity. 1 for a policy that leaves nothing to chance.
  public var propensity: Double { propensity(of: action) }

  /// How probably the policy would have chosen `other` on the same evidence.
  public func propensity(of other: Action) -> Double {
    let prediction = predictions.first { $0.action == other }
    return prediction?.probability ?? (other == action ? 1 : 0)
  }

  /// What was expected of the chosen action.
  public var predictedCost: PredictedCost? {
    predictions.first { $0.action == action }?.cost
  }
}
