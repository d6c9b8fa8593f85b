/// What says how sure an exit is of its transcript (arXiv 2309.09546, "exit selection").
public enum ConfidenceCriterion: String, CaseIterable, Hashable, Codable, Sendable {
  /// Mean entropy of the exit's frame posteriors, in nats: the lower, the surer.
  case frameEntropy
  /// Posterior of the best path, as `ExitEvidence.sentencePosterior` defines it: the higher, the surer.
  case sentencePosterior

  /// True if `value` is at least as sure as `threshold`. NaN is never sure.
  public func accepts(_ value: Double, threshold: Double) -> Bool {
    switch self {
    case .frameEntropy: value <= threshold
    case .sentencePosterior: value >= threshold
    }
  }

  /// Puts values on one scale on which larger always means surer.
  func certainty(_ value: Double) -> Double {
    switch self {
    case .frameEntropy: -value
    case .sentencePosterior: value
    }
  }
}
