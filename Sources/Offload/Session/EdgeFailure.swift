/// Why an utterance that went to the edge got no answer from it.
public enum EdgeFailure: String, CaseIterable, Hashable, Codable, Sendable {
  /// No connection could be made.
  case unreachable = "edge-unreachable"
  /// The edge refused the utterance.
  case refused = "edge-refused-overload"
  /// The connection broke on the way.
  case lost = "edge-lost"
  /// The answer had not come by the deadline.
  case deadline
  /// The utterance would have taken more bytes than the policy's budget had left.
  case overBudget = "budget"
}
