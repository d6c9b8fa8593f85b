/// What says how sure an exit is of its transcript (arXiv 2309.09546, "exit selection").
public enum ConfidenceCriterion: String, CaseIterable, Hashable, Codable, Sendable {
  /// Mean entropy of the exit's frame posteriors, in nats: the lower, the surer.
  case frameEntropy
  /// Posterior of the best path, as `ExitEvidence.sentencePosterior` defines it: the higher, the surer.
  case sentencePosterior
  /// Confidence of the least sure word, from the entropy of its frames (arXiv 2212.08703): the higher, the surer.
  case wordConfidence
  /// Agreement of the transcript with the exit before's, 0 to 1; the first exit is never sure by it.
  case agreement
  /// The calibrated probability that the transcript is right, from the model's `confidence.json`: the higher, the surer.
  case probability

  /// What a policy that ships looks at unless it is told otherwise (`NamedPolicy.usualCriterion`).
  /// - Parameter policy: its name.
  public static func usual(policy: String) -> ConfidenceCriterion {
    (try? PolicyRegistry.shipped.type(named: policy).usualCriterion) ?? .probability
  }

  /// True if `value` is at least as sure as `threshold`. NaN is never sure.
  public func accepts(_ value: Double, threshold: Double) -> Bool {
    switch self {
    case .frameEntropy: value <= threshold
    case .sentencePosterior, .wordConfidence, .agreement, .probability: value >= threshold
    }
  }

  /// Puts values on one scale on which larger always means surer.
  func certainty(_ value: Double) -> Double {
    switch self {
    case .frameEntropy: -value
    case .sentencePosterior, .wordConfidence, .agreement, .probability: value
    }
  }
}
