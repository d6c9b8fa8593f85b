import Models

/// What was read at an exit.
public struct ExitReading: Sendable {
  /// Greedy search's: thresholds and probabilities are fitted to greedy search's confidences.
  public var search: CTCSearch.Result
  /// Greedy search's, or a beam's where there is a language model or a lexicon for the exits.
  public var hypothesis: Hypothesis

  /// - Parameters:
  ///   - vocabulary: of the exits' CTC heads; nil where the exit is a decoder.
  ///   - fusion: language model and lexicon; nil for greedy search. A decoder knows no other words than its own.
  ///   - beamWidth: prefixes of the beam, where there is something to search with.
  public init(
    _ output: ExitOutput, vocabulary: Vocabulary?, fusion: WordFusion? = nil, beamWidth: Int = 8
  ) {
    switch output {
    case .transcript(let transcript):
      search = CTCSearch.Result(transcript)
      hypothesis = search.hypothesis
    case .posteriors(let posteriors):
      guard let vocabulary else {
        preconditionFailure("a model with CTC exits has a vocabulary for them")
      }
      search = CTCSearch.greedy(posteriors, vocabulary: vocabulary)
      hypothesis = search.hypothesis
      if let fusion {
        let found = CTCSearch.beam(
          posteriors, vocabulary: vocabulary, beam: beamWidth, fusion: fusion)
        hypothesis = found.first ?? hypothesis
      }
    }
  }
}

extension CTCSearch.Result {
  /// An attention decoder's transcript, in the terms that exits are judged by: entropies are means over tokens instead of frames,
  /// and the least sure word is as sure as its least probable token.
  public init(_ transcript: DecodedTranscript) {
    let hypothesis = Hypothesis(transcript)
    self.init(
      hypothesis: hypothesis, frameEntropy: transcript.meanEntropy,
      sentencePosterior: transcript.frames == 0 ? 0 : min(1, hypothesis.normalizedProbability),
      frames: transcript.frames, leastWordConfidence: transcript.leastProbability)
  }
}

extension Hypothesis {
  /// In the transcripts' usual form where it is English; otherwise as the decoder writes it.
  public init(_ transcript: DecodedTranscript) {
    self.init(
      tokens: transcript.tokens,
      text: transcript.isEnglish ? EnglishText.spoken(transcript.text) : transcript.text,
      logProbability: transcript.logProbability)
  }
}
