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
  /// The deadline passed while the device was computing: this is the deepest exit that it had by then.
  case deadlinePassed
  /// The edge's answer is predicted to be back in time, nine times in ten.
  case inTime(predictedSeconds: Double, allowedSeconds: Double)
  /// No other action has a lower expected cost (in cost units; nil if there was no other).
  case cheapest(expected: Double, nextBest: Double?)
  /// Nearly as good as the cheapest, and drawn among such, so that not every device does the same.
  case nearTie(expected: Double, cheapest: Double)
  /// Drawn to learn what the edge is like now.
  case exploring(probability: Double)
  /// What is left of the day's budget does not cover an offload (bytes or joules).
  case budgetSpent(needed: Double, left: Double)
  /// Nobody speaks in the utterance, so there was nothing to decide.
  case noSpeech

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
    case .deadlinePassed: "deadline-passed"
    case .inTime: "in-time"
    case .cheapest: "cheapest"
    case .nearTie: "near-tie"
    case .exploring: "exploring"
    case .budgetSpent: "budget-spent"
    case .noSpeech: "no-speech"
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
      "exit \(exit) is never accepted: no threshold for \(Self.name(criterion)) in calibration.json"
    case .noExitYet:
      "no exit has been reached yet"
    case .noEdge:
      "there is no edge to offload to"
    case .linkDown:
      "the link to the edge is down"
    case .deadlineTooShort(let predicted, let remaining):
      "the edge would take \(Self.short(predicted)) s, \(Self.short(remaining)) s are left"
    case .deadlinePassed:
      "the deadline passed before the next exit was there"
    case .inTime(let predicted, let allowed):
      "the edge answers within \(Self.short(predicted)) s nine times in ten, "
        + "\(Self.short(allowed)) s are allowed"
    case .cheapest(let expected, let nextBest):
      "expected cost \(Self.short(expected))"
        + (nextBest.map { ", the next best \(Self.short($0))" } ?? "")
    case .nearTie(let expected, let cheapest):
      "expected cost \(Self.short(expected)), drawn among those near the lowest, "
        + "\(Self.short(cheapest))"
    case .exploring(let probability):
      "drawn with probability \(Self.short(probability)), to learn what the edge is like now"
    case .budgetSpent(let needed, let left):
      "an offload needs \(Self.short(needed)) of the day's budget, \(Self.short(left)) are left"
    case .noSpeech:
      "nobody speaks in it"
    }
  }

  private static func name(_ criterion: ConfidenceCriterion) -> String {
    switch criterion {
    case .frameEntropy: "frame entropy"
    case .sentencePosterior: "sentence posterior"
    case .wordConfidence: "least sure word"
    case .agreement: "agreement with the exit before"
    case .probability: "probability of being right"
    }
  }

  /// Four decimals.
  private static func short(_ value: Double) -> String {
    guard abs(value) < 1e12 else { return "\(value)" }
    return "\((value * 10_000).rounded() / 10_000)"
  }
}
