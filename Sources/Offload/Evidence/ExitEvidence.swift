/// What one exit said about the utterance.
public struct ExitEvidence: Hashable, Codable, Sendable {
  /// The exit's number, counted from 1 in the order of `model.json`; the same number names the exit in
  /// `calibration.json`, in reports and in the decision log.
  public var exit: Int
  /// Encoder blocks computed before this exit, as `afterBlock` in `model.json`.
  public var afterBlock: Int
  /// Mean over frames of the entropy of the exit's posteriors, in nats:
  /// (1/T) Σ_t -Σ_v P_t(v) ln P_t(v). A constant factor (some divide by the vocabulary's size) would only
  /// move the threshold. 0 when there are no frames.
  public var frameEntropy: Double
  /// exp(ln P(tokens | audio) / (tokens + 1)), in [0, 1], P summed over all alignments by CTC's forward
  /// algorithm. 0 when there are no frames.
  ///
  /// The paper takes a softmax over the N best hypotheses' scores. With CTC's greedy search there is one
  /// hypothesis, whose own posterior CTC gives exactly; the root makes short and long transcripts
  /// comparable, so that one threshold fits both.
  public var sentencePosterior: Double
  /// Tokens in the exit's transcript.
  public var tokenCount: Int
  /// Encoder frames seen, T.
  public var frameCount: Int

  public init(
    exit: Int, afterBlock: Int, frameEntropy: Double, sentencePosterior: Double, tokenCount: Int,
    frameCount: Int
  ) {
    self.exit = exit
    self.afterBlock = afterBlock
    self.frameEntropy = frameEntropy
    self.sentencePosterior = sentencePosterior
    self.tokenCount = tokenCount
    self.frameCount = frameCount
  }

  /// The value that `criterion` looks at.
  public func confidence(_ criterion: ConfidenceCriterion) -> Double {
    switch criterion {
    case .frameEntropy: frameEntropy
    case .sentencePosterior: sentencePosterior
    }
  }
}
