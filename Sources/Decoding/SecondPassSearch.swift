import Conformer

/// From the second encoder's output to transcripts, by whichever head and with whatever knowledge of words.
///
/// Both heads were trained on the same frames but err differently: the CTC head takes tokens for independent, the transducer
/// knows what came before and tends to leave words out. `fused` takes the best transcripts of each, lets both heads judge all of them by the
/// probability of the whole (summed over alignments), and ranks by the weighted mean of both judgements.
public struct SecondPassSearch: Sendable {
  public let decoder: ModelConfiguration.SecondPassDecoder
  /// Hypotheses that a beam keeps; 1 is greedy, unless there is a language model or a lexicon.
  public let beamWidth: Int
  public let fusion: WordFusion?
  /// With what `fused` finds its candidates.
  private let candidateFusion: WordFusion?
  private let model: Model
  private let transducer: TransducerSearch

  /// - Parameters:
  ///   - fusion: language model and lexicon; nil for neither.
  ///   - candidateWeights: by which `fused` finds candidates, where they are others than those it ranks by: a list that both
  ///     heads judge wants a larger word bonus than a single head's search bears. nil takes the weights of `fusion`.
  /// - Throws: `ModelError.deviceOnly` when the model was loaded without its second pass.
  public init(
    model: Model, decoder: ModelConfiguration.SecondPassDecoder, beamWidth: Int,
    fusion: WordFusion? = nil, candidateWeights: SearchWeights? = nil
  ) throws(ModelError) {
    self.model = model
    self.decoder = decoder
    self.beamWidth = max(1, beamWidth)
    self.fusion = fusion
    candidateFusion = candidateWeights.flatMap { fusion?.with($0) } ?? fusion
    transducer = try TransducerSearch(model: model)
  }

  /// Best first, at least one. A cancelled search returns what it has.
  public func recognize(
    _ second: SecondPass, isCancelled: () -> Bool = { false }
  ) throws(ModelError) -> [Hypothesis] {
    let isGreedy = beamWidth == 1 && fusion == nil
    switch decoder {
    case .ctc:
      let posteriors = try model.connectionistPosteriors(second)
      return isGreedy
        ? [CTCSearch.greedy(posteriors, vocabulary: model.vocabulary).hypothesis]
        : CTCSearch.beam(
          posteriors, vocabulary: model.vocabulary, beam: beamWidth, fusion: fusion,
          isCancelled: isCancelled)
    case .transducer:
      return isGreedy
        ? [transducer.greedy(second)]
        : transducer.beam(second, width: beamWidth, fusion: fusion, isCancelled: isCancelled)
    case .fused:
      return try fused(second, isCancelled: isCancelled)
    }
  }

  private func fused(_ second: SecondPass, isCancelled: () -> Bool) throws(ModelError)
    -> [Hypothesis]
  {
    rank(try judge(second, isCancelled: isCancelled))
  }

  /// The best transcripts of both heads, judged by both.
  public func judge(
    _ second: SecondPass, isCancelled: () -> Bool = { false }
  ) throws(ModelError) -> [JudgedHypothesis] {
    let posteriors = try model.connectionistPosteriors(second)
    var candidates: [[Int]] = []
    var texts: Set<String> = []
    let lists = [
      CTCSearch.beam(
        posteriors, vocabulary: model.vocabulary, beam: beamWidth, fusion: candidateFusion,
        isCancelled: isCancelled),
      transducer.beam(
        second, width: beamWidth, fusion: candidateFusion, isCancelled: isCancelled),
    ]
    for hypothesis in lists.joined() where texts.insert(hypothesis.text).inserted {
      candidates.append(hypothesis.tokens)
    }
    let judged = transducer.forward(candidates, second, isCancelled: isCancelled)
    return zip(candidates, judged).map { tokens, judgement in
      JudgedHypothesis(
        tokens: tokens,
        connectionist: CTCSearch.forward(
          tokens, posteriors, size: model.vocabulary.tokens.count),
        transducer: judgement.logProbability, expected: judgement.expected)
    }
  }

  /// Ranks judged hypotheses by the weights of `fusion`, best first, at least one.
  public func rank(_ judged: [JudgedHypothesis]) -> [Hypothesis] {
    let share = fusion?.weights.transducerShare ?? SearchWeights().transducerShare
    let internalWeight = fusion?.weights.internalLanguageModel ?? 0
    let found = judged.compactMap { hypothesis -> Hypothesis? in
      // A head without a say must not spoil the sum where it finds a transcript impossible.
      let connectionist = share == 1 ? 0 : (1 - share) * hypothesis.connectionist
      let transducer = share == 0 ? 0 : share * hypothesis.transducer
      let acoustic = connectionist + transducer
      var score = acoustic - share * internalWeight * hypothesis.expected
      if let fusion {
        guard let words = fusion.score(hypothesis.tokens) else { return nil }
        score += words
      }
      return Hypothesis(
        tokens: hypothesis.tokens, text: model.vocabulary.text(hypothesis.tokens),
        logProbability: acoustic, score: score)
    }
    guard !found.isEmpty else { return [Hypothesis(tokens: [], text: "", logProbability: 0)] }
    return BestHypotheses.ranked(found)
  }
}
