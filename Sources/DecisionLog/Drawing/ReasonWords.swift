import Offload

/// The log's words in sentences, for people who have not read the documentation.
enum ReasonWords {
  /// What a decision's reason (`Reason.code`) means; nil for a word that a newer program may have written.
  static func reason(_ code: String) -> String? {
    switch code {
    case "policy-fixed": "The policy does the same with every utterance."
    case "confident": "The device was sure enough of its own transcript."
    case "not-confident":
      "The device was not sure enough of its own transcript, so it asked the edge."
    case "not-calibrated":
      "Nobody has told the device how sure is sure enough, so its transcript did not count as good."
    case "no-exit-yet": "There was no transcript yet, so the device went on."
    case "no-edge": "There was no edge to ask."
    case "link-down": "The link to the edge was down."
    case "deadline-too-short": "The edge's answer would have come too late."
    case "in-time": "The edge's answer was predicted to be back in time."
    case "cheapest": "Of all that could be done this was expected to cost the least."
    case "near-tie":
      "Nearly as good as the best, and drawn by lot, so that not every device does the same."
    case "exploring": "Drawn by lot, to learn how link and edge are now."
    case "budget-spent": "What was left of the day's budget was not enough to ask the edge."
    case "no-speech": "Nobody spoke, so there was nothing to recognize."
    case "no-decision": "The utterance ended before anything was decided."
    default: nil
    }
  }

  /// What kept the edge's answer from being given (`FallbackReason`).
  static func fallback(_ kind: String) -> String {
    switch FallbackReason(rawValue: kind) {
    case .deadline: "no answer by the deadline"
    case .refused: "the edge refused"
    case .unreachable: "no connection"
    case .connectionLost: "connection broke"
    case .edgeError: "error at the edge"
    case .cancelled: "given up"
    case nil: kind
    }
  }

  static let fallbackColors = [
    FallbackReason.deadline.rawValue: "#c8413b", FallbackReason.refused.rawValue: "#8e5bb5",
    FallbackReason.unreachable.rawValue: "#4a5563",
    FallbackReason.connectionLost.rawValue: "#e0a12e",
    FallbackReason.edgeError.rawValue: "#b5508c", FallbackReason.cancelled.rawValue: "#a3abb6",
  ]
}
