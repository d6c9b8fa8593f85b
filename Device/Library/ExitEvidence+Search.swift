import Decoding
import Offload

extension ExitEvidence {
  /// What an exit's greedy search says, in the controller's terms.
  ///
  /// - Parameters:
  ///   - exit: its number, from 1.
  ///   - afterBlock: encoder blocks before it.
  ///   - search: its greedy result: thresholds and probabilities are fitted to greedy search's confidences.
  ///   - previous: the exit before's; nil at the first.
  ///   - confidence: the model's `confidence.json`.
  public init(
    exit: Int, afterBlock: Int, search: CTCSearch.Result, previous: CTCSearch.Result?,
    confidence: ExitConfidence
  ) {
    self.init(
      exit: exit, afterBlock: afterBlock, frameEntropy: search.frameEntropy,
      sentencePosterior: search.sentencePosterior, tokenCount: search.hypothesis.tokens.count,
      frameCount: search.frames, wordConfidence: search.leastWordConfidence,
      agreement: previous.map { $0.hypothesis.agreement(with: search.hypothesis) },
      probability: confidence.probability(
        exit: exit, features: ConfidenceFeature.values(search, previous: previous)))
  }
}
