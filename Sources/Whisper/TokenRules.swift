import Foundation
import Tensors

/// Which tokens may come next, and how probable each is.
struct TokenRules: Sendable {
  private let suppressed: [Int]
  private let suppressedFirst: [Int]
  private let tokens: WhisperTokens
  private let tokenCount: Int
  let writesTimestamps: Bool

  init(configuration: WhisperConfiguration, tokens: WhisperTokens, writesTimestamps: Bool) {
    self.tokens = tokens
    tokenCount = configuration.decoder.tokens
    self.writesTimestamps =
      writesTimestamps && tokens.firstTimestamp + WhisperTokens.timestampCount <= tokenCount
    // Control tokens lie after the end of the text, and never come out; timestamps only where they are asked for.
    let lastControl = self.writesTimestamps ? tokens.firstTimestamp : tokenCount
    suppressed =
      configuration.decoder.suppressedTokens.filter { $0 != tokens.endOfText }
      + (0..<lastControl).dropFirst(tokens.endOfText + 1)
    suppressedFirst = configuration.decoder.suppressedFirstTokens
  }

  /// Scores become log probabilities, those of forbidden tokens minus infinity.
  ///
  /// - Parameters:
  ///   - scores: `[tokens]`.
  ///   - history: what came since the prompt.
  ///   - temperature: above 0 the scores are divided by it.
  func apply(
    _ scores: UnsafeMutablePointer<Float>, history: [Int], temperature: Float = 0
  ) {
    for token in suppressed { scores[token] = -.infinity }
    if history.isEmpty { for token in suppressedFirst { scores[token] = -.infinity } }
    if writesTimestamps { restrictTimestamps(scores, history) }
    if temperature > 0 {
      for token in 0..<tokenCount { scores[token] /= temperature }
    }
    applyLogSoftmax(scores, rows: 1, columns: tokenCount)
    if writesTimestamps { preferTimestamps(scores) }
  }

  /// Timestamps come in pairs, except before the end, and never go back (openai-whisper's `ApplyTimestampRules`).
  private func restrictTimestamps(_ scores: UnsafeMutablePointer<Float>, _ history: [Int]) {
    let first = tokens.firstTimestamp
    let end = tokens.endOfText
    func forbid(_ range: Range<Int>) { for token in range { scores[token] = -.infinity } }
    guard let last = history.last else {
      // A window begins with a time, of at most one second.
      forbid(0..<first)
      forbid(min(tokenCount, first + 51)..<tokenCount)
      return
    }
    let lastWas = last >= first
    let beforeWas = history.count < 2 || history[history.count - 2] >= first
    if lastWas {
      if beforeWas { forbid(first..<tokenCount) } else { forbid(0..<end) }
    }
    if let latest = history.last(where: { $0 >= first }) {
      forbid(first..<(lastWas && !beforeWas ? latest : min(tokenCount, latest + 1)))
    }
  }

  /// Where a timestamp, whichever, is more probable than the most probable word, it is one.
  private func preferTimestamps(_ scores: UnsafeMutablePointer<Float>) {
    let first = tokens.firstTimestamp
    var sum = 0.0
    for token in first..<tokenCount { sum += exp(Double(scores[token])) }
    var best = -Float.infinity
    for token in 0..<first { best = max(best, scores[token]) }
    if log(sum) > Double(best) {
      for token in 0..<first { scores[token] = -.infinity }
      applyLogSoftmax(scores, rows: 1, columns: tokenCount)
    }
  }
}
