/// What a policy chose, why, and what it expected of every action that it could have chosen.
public struct Decision: Hashable, Codable, Sendable {
  /// An action beside its predicted cost.
  public struct Prediction: Hashable, Codable, Sendable {
    public var action: Action
    public var cost: PredictedCost

    public init(action: Action, cost: PredictedCost) {
      self.action = action
      self.cost = cost
    }
  }

  /// The policy's name.
  public var policy: String
  public var action: Action
  public var reason: Reason
  /// Every possible action, the chosen one included.
  public var predictions: [Prediction]

  public init(policy: String, action: Action, reason: Reason, predictions: [Prediction]) {
    self.policy = policy
    self.action = action
    self.reason = reason
    self.predictions = predictions
  }

  /// What was expected of the chosen action.
  public var predictedCost: PredictedCost? {
    predictions.first { $0.action == action }?.cost
  }
}
