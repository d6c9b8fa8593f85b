import Foundation

/// What a search found.
public struct Hypothesis: Sendable, Equatable {
  /// Vocabulary indices, without blanks.
  public var tokens: [Int]
  public var text: String
  /// Natural logarithm of the probability that the search gives these tokens.
  public var logProbability: Double

  public init(tokens: [Int], text: String, logProbability: Double) {
    self.tokens = tokens
    self.text = text
    self.logProbability = logProbability
  }

  /// exp(log probability / (tokens + 1)): comparable between short and long utterances. The one
  /// more stands for the end, and keeps an empty transcript defined.
  public var normalizedProbability: Double { exp(logProbability / Double(tokens.count + 1)) }
}
