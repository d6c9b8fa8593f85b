import Conformer
import Foundation
import Models

/// Connectionist temporal classification: greedy search, the probability of given tokens, and prefix beam search over
/// log posteriors.
public enum CTCSearch {
  /// An exit's transcript with what 2309.09546 decides by.
  public struct Result: Sendable, Equatable {
    public var hypothesis: Hypothesis
    /// Mean over frames of the posteriors' entropy, nats; 0 is certain. 0 when there is no frame.
    public var frameEntropy: Double
    /// exp(log P(tokens | audio) / (tokens + 1)), P by the forward algorithm over all alignments.
    public var sentencePosterior: Double
    public var frames: Int
    /// How sure the least sure word is, 0 to 1, by the Tsallis entropy of its frames (arXiv 2212.08703); nil without words.
    public var leastWordConfidence: Double?

    public init(
      hypothesis: Hypothesis, frameEntropy: Double, sentencePosterior: Double, frames: Int,
      leastWordConfidence: Double? = nil
    ) {
      self.hypothesis = hypothesis
      self.frameEntropy = frameEntropy
      self.sentencePosterior = sentencePosterior
      self.frames = frames
      self.leastWordConfidence = leastWordConfidence
    }
  }

  /// Best token of every frame, repeats and blanks removed.
  ///
  /// - Parameter logPosteriors: `[T, V]` natural logarithms, blank at column 0.
  public static func greedy(_ logPosteriors: [Float], vocabulary: Vocabulary) -> Result {
    let size = vocabulary.tokens.count
    let frames = logPosteriors.count / size
    var tokens: [Int] = []
    var previous = Vocabulary.blank
    var entropy = 0.0
    var leastSure: Double?
    let certainty = FrameCertainty(tokens: size)
    logPosteriors.withUnsafeBufferPointer { values in
      for frame in 0..<frames {
        let row = values[(frame * size)..<((frame + 1) * size)]
        var best = 0
        var bestScore = -Float.infinity
        for (token, score) in row.enumerated() {
          if score > bestScore {
            bestScore = score
            best = token
          }
          if score > -40 { entropy -= Double(exp(score) * score) }
        }
        if best != previous && best != Vocabulary.blank { tokens.append(best) }
        // A word is as sure as its least sure frame, and so is the transcript: blanks between say nothing of words.
        if best != Vocabulary.blank { leastSure = min(leastSure ?? 1, certainty.of(row)) }
        previous = best
      }
    }
    let logProbability = forward(tokens, logPosteriors, size: size)
    let hypothesis = Hypothesis(
      tokens: tokens, text: vocabulary.text(tokens), logProbability: logProbability)
    return Result(
      hypothesis: hypothesis, frameEntropy: frames == 0 ? 0 : max(0, entropy / Double(frames)),
      sentencePosterior: frames == 0 ? 0 : min(1, hypothesis.normalizedProbability),
      frames: frames, leastWordConfidence: leastSure)
  }

  /// log P(tokens | audio), summed over all alignments (Graves et al. 2006).
  public static func forward(_ tokens: [Int], _ logPosteriors: [Float], size: Int) -> Double {
    let frames = logPosteriors.count / size
    guard frames > 0 else { return tokens.isEmpty ? 0 : -.infinity }
    let states = 2 * tokens.count + 1
    func label(_ s: Int) -> Int { s % 2 == 0 ? Vocabulary.blank : tokens[s / 2] }
    var alpha = [Double](repeating: -.infinity, count: states)
    alpha[0] = Double(logPosteriors[Vocabulary.blank])
    if states > 1 { alpha[1] = Double(logPosteriors[tokens[0]]) }
    for frame in 1..<max(1, frames) {
      // From the end, so that each state still sees its predecessors of the frame before.
      for s in stride(from: states - 1, through: 0, by: -1) {
        var sum = alpha[s]
        if s >= 1 { sum = logAdd(sum, alpha[s - 1]) }
        if s >= 2, s % 2 == 1, label(s) != label(s - 2) { sum = logAdd(sum, alpha[s - 2]) }
        alpha[s] = sum + Double(logPosteriors[frame * size + label(s)])
      }
    }
    return states > 1 ? logAdd(alpha[states - 1], alpha[states - 2]) : alpha[0]
  }
}

/// Indices of the `count` largest values.
func strongest(_ row: some RandomAccessCollection<Float>, count: Int) -> [Int] {
  var best: [(Int, Float)] = []
  for (index, value) in row.enumerated() {
    if best.count == count, value <= best[count - 1].1 { continue }
    let at = best.firstIndex { value > $0.1 } ?? best.count
    best.insert((index, value), at: at)
    if best.count > count { best.removeLast() }
  }
  return best.map(\.0)
}

/// Higher score first; equal scores by tokens, so that results never depend on hashing.
func better(_ a: Double, _ aTokens: [Int], _ b: Double, _ bTokens: [Int]) -> Bool {
  a != b ? a > b : aTokens.lexicographicallyPrecedes(bTokens)
}

/// log(exp(a) + exp(b)).
@inline(__always) func logAdd(_ a: Double, _ b: Double) -> Double {
  let high = max(a, b)
  let low = min(a, b)
  return low == -.infinity ? high : high + log1p(exp(low - high))
}
