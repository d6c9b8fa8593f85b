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
  /// Confidence of the least sure word, 0 to 1 (arXiv 2212.08703); nil without words, and in logs from before.
  public var wordConfidence: Double?
  /// 1 - token edits between this transcript and the exit before's, over the longer one; nil at the first exit.
  public var agreement: Double?
  /// The model's calibrated probability that the transcript is right; nil for a model without `confidence.json`.
  public var probability: Double?

  public init(
    exit: Int, afterBlock: Int, frameEntropy: Double, sentencePosterior: Double, tokenCount: Int,
    frameCount: Int, wordConfidence: Double? = nil, agreement: Double? = nil,
    probability: Double? = nil
  ) {
    self.exit = exit
    self.afterBlock = afterBlock
    self.frameEntropy = frameEntropy
    self.sentencePosterior = sentencePosterior
    self.tokenCount = tokenCount
    self.frameCount = frameCount
    self.wordConfidence = wordConfidence
    self.agreement = agreement
    self.probability = probability
  }

  /// The value that `criterion` looks at; NaN, which is never sure, where there is none.
  public func confidence(_ criterion: ConfidenceCriterion) -> Double {
    switch criterion {
    case .frameEntropy: frameEntropy
    case .sentencePosterior: sentencePosterior
    case .wordConfidence: wordConfidence ?? .nan
    case .agreement: agreement ?? .nan
    case .probability: probability ?? .nan
    }
  }
}
