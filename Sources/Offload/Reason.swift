/// Why an action was chosen: for the log and for people. `code` never changes its meaning.
public enum Reason: Hashable, Codable, Sendable {
  /// The policy does this whatever the evidence.
  case policyFixed
  /// The exit's confidence passed its threshold.
  case confident(exit: Int, criterion: ConfidenceCriterion, value: Double, threshold: Double)
  /// The exit's confidence did not pass its threshold.
  case notConfident(exit: Int, criterion: ConfidenceCriterion, value: Double, threshold: Double)
  /// No threshold was fitted for the exit, so nothing at it counts as confident.
  case notCalibrated(exit: Int, criterion: ConfidenceCriterion)
  /// No exit has been computed yet.
  case noExitYet
  /// No edge, layer or codec is there to offload to.
  case noEdge
  /// The link is known to be down.
  case linkDown
  /// The edge's answer is predicted to come after the deadline.
  case deadlineTooShort(predictedSeconds: Double, remainingSeconds: Double)

  /// A stable word for counting and filtering.
  public var code: String {
    switch self {
    case .policyFixed: "policy-fixed"
    case .confident: "confident"
    case .notConfident: "not-confident"
    case .notCalibrated: "not-calibrated"
    case .noExitYet: "no-exit-yet"
    case .noEdge: "no-edge"
    case .linkDown: "link-down"
    case .deadlineTooShort: "deadline-too-short"
    }
  }
}

extension Reason: CustomStringConvertible {
  public var description: String {
    switch self {
    case .policyFixed:
      "the policy always does so"
    case .confident(let exit, let criterion, let value, let threshold):
      "exit \(exit) is confident: \(Self.name(criterion)) \(Self.short(value)) "
        + "\(criterion == .frameEntropy ? "<=" : ">=") \(Self.short(threshold))"
    case .notConfident(let exit, let criterion, let value, let threshold):
      "exit \(exit) is not confident: \(Self.name(criterion)) \(Self.short(value)) "
        + "\(criterion == .frameEntropy ? ">" : "<") \(Self.short(threshold))"
    case .notCalibrated(let exit, let criterion):
      "exit \(exit) has no threshold for \(Self.name(criterion))"
    case .noExitYet:
      "no exit has been reached yet"
    case .noEdge:
      "there is no edge to offload to"
    case .linkDown:
      "the link to the edge is down"
    case .deadlineTooShort(let predicted, let remaining):
      "the edge would take \(Self.short(predicted)) s, \(Self.short(remaining)) s are left"
    }
  }

  private static func name(_ criterion: ConfidenceCriterion) -> String {
    switch criterion {
    case .frameEntropy: "frame entropy"
    case .sentencePosterior: "sentence posterior"
    }
  }

  /// Four decimals.
  private static func short(_ value: Double) -> String {
    guard abs(value) < 1e12 else { return "\(value)" }
    return "\((value * 10_000).rounded() / 10_000)"
  }
}
