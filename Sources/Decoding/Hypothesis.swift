import Foundation
import Models

/// What a search found.
public struct Hypothesis: Sendable, Equatable {
  /// Vocabulary indices, without blanks.
  public var tokens: [Int]
  public var text: String
  /// Natural logarithm of the probability that the acoustic model gives these tokens, as far as the search went.
  public var logProbability: Double
  /// What the search ranked by: `logProbability`, and what language model and word bonus add to it.
  public var score: Double
  /// Share of this transcript among those that the search was left with, 0 to 1; nil where it kept only one.
  public var posterior: Double?
  /// For each word of the text the share, 0 to 1, of the transcripts that have it in its place; empty where only one was kept.
  public var wordPosteriors: [Double]

  public init(
    tokens: [Int], text: String, logProbability: Double, score: Double? = nil,
    posterior: Double? = nil, wordPosteriors: [Double] = []
  ) {
    self.tokens = tokens
    self.text = text
    self.logProbability = logProbability
    self.score = score ?? logProbability
    self.posterior = posterior
    self.wordPosteriors = wordPosteriors
  }

  /// exp(log probability / (tokens + 1)): comparable between short and long utterances. The one
  /// more stands for the end, and keeps an empty transcript defined.
  public var normalizedProbability: Double { exp(logProbability / Double(tokens.count + 1)) }
}
