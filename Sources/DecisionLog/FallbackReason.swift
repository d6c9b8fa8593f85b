/// Why the edge was asked and yet the device's own transcript was given.
public enum FallbackReason: String, CaseIterable, Hashable, Codable, Sendable {
  /// The answer had not come by the deadline.
  case deadline
  /// The edge refused: overloaded, another model, no permission.
  case refused
  /// No connection could be made.
  case unreachable
  /// The connection broke on the way.
  case connectionLost
  /// The edge reported an error.
  case edgeError
  /// The user cancelled.
  case cancelled
}
