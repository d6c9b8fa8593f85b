import Foundation

/// What an exit's confidence is computed from; the raw values stand in `confidence.json`.
public enum ConfidenceFeature: String, CaseIterable, Codable, Sendable {
  /// Mean entropy of the frames' posteriors, nats.
  case frameEntropy
  /// ln of the posterior of the transcript, a token's share of it: `ln sentencePosterior`, at least -10.
  case logTokenPosterior
  /// ln of the whole transcript's posterior, at least -60: long transcripts are seldom right throughout.
  case logTranscriptPosterior
  /// ln(1 + tokens).
  case logTokenCount
  /// The confidence of the least sure word (`CTCSearch.Result.leastWordConfidence`), 0 without words.
  case leastWordConfidence
  /// Token edits from the exit before to this one, over the longer of the two; 0 at the first exit.
  case disagreement

  /// All features of an exit's result, in the order of `allCases`.
  public static func values(
    _ result: CTCSearch.Result, previous: CTCSearch.Result?
  ) -> [Double] {
    let tokens = result.hypothesis.tokens
    return allCases.map { feature in
      switch feature {
      case .frameEntropy: result.frameEntropy
      case .logTokenPosterior: max(-10, log(result.sentencePosterior))
      case .logTranscriptPosterior: max(-60, result.hypothesis.logProbability)
      case .logTokenCount: log(1 + Double(tokens.count))
      case .leastWordConfidence: result.leastWordConfidence ?? 0
      case .disagreement: previous.map { 1 - $0.hypothesis.agreement(with: result.hypothesis) } ?? 0
      }
    }
  }
}

extension Hypothesis {
  /// 1 - token edits / tokens of the longer one: 1 for equal transcripts, two empty ones among them, 0 for nothing in common.
  public func agreement(with other: Hypothesis) -> Double {
    let longer = max(tokens.count, other.tokens.count)
    guard longer > 0 else { return 1 }
    var row = Array(0...other.tokens.count)
    for (index, token) in tokens.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for place in other.tokens.indices {
        let substitution = diagonal + (token == other.tokens[place] ? 0 : 1)
        diagonal = row[place + 1]
        row[place + 1] = min(substitution, diagonal + 1, row[place] + 1)
      }
    }
    return 1 - Double(row[other.tokens.count]) / Double(longer)
  }
}
