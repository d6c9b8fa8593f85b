import Offload

/// Why the edge gave no answer, in a form that the log can count.
public enum OffloadFailure: Error, Sendable, Equatable, CustomStringConvertible {
  case unreachable(String)
  case refused(reason: String, message: String)
  case lost(String)
  case deadline
  /// The bytes that a budget granted do not last for the utterance.
  case budget(granted: Double)
  case cancelled

  var isLost: Bool { if case .lost = self { true } else { false } }

  /// What the rules of an utterance make of it. A stream that was cancelled while its answer was wanted is one whose answer
  /// did not come in time.
  var kind: EdgeFailure {
    switch self {
    case .unreachable: .unreachable
    case .refused: .refused
    case .lost: .lost
    case .deadline, .cancelled: .deadline
    case .budget: .overBudget
    }
  }

  /// One word for tables and the log.
  public var code: String {
    switch self {
    case .unreachable: "edge-unreachable"
    case .refused(let reason, _): "edge-refused-\(reason)"
    case .lost: "edge-lost"
    case .deadline: "deadline"
    case .budget: "budget"
    case .cancelled: "cancelled"
    }
  }

  public var description: String {
    switch self {
    case .unreachable(let why): "the edge cannot be reached: \(why)"
    case .refused(let reason, let message): "the edge refused (\(reason)): \(message)"
    case .lost(let why): "the edge was lost in mid-stream: \(why)"
    case .deadline: "the edge had not answered by the deadline"
    case .budget(let granted): "the budget's \(Int(granted)) bytes do not last for this utterance"
    case .cancelled: "the utterance was cancelled"
    }
  }
}
