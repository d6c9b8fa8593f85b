import Foundation

/// The transcripts that a search was left with, made into one ranking.
enum BestHypotheses {
  /// Adds up different tokens with the same text, ranks, and says how sure the ranking is.
  ///
  /// Best first; ties by text, so that results never depend on the order of arrival.
  static func ranked(_ hypotheses: [Hypothesis]) -> [Hypothesis] {
    var byText: [String: Hypothesis] = [:]
    for hypothesis in hypotheses {
      guard var known = byText[hypothesis.text] else {
        byText[hypothesis.text] = hypothesis
        continue
      }
      let score = logAdd(known.score, hypothesis.score)
      let logProbability = logAdd(known.logProbability, hypothesis.logProbability)
      if better(hypothesis.score, hypothesis.tokens, known.score, known.tokens) {
        known = hypothesis
      }
      known.score = score
      known.logProbability = logProbability
      byText[hypothesis.text] = known
    }
    var ranking = byText.values.sorted {
      $0.score != $1.score ? $0.score > $1.score : $0.text < $1.text
    }
    guard ranking.count > 1, let best = ranking.first?.score, best.isFinite else { return ranking }
    let shares = ranking.map { exp($0.score - best) }
    let sum = shares.reduce(0, +)
    for index in ranking.indices { ranking[index].posterior = shares[index] / sum }
    ranking[0].wordPosteriors = wordPosteriors(of: ranking[0], among: ranking)
    return ranking
  }

  /// For each word of `best` the posterior of the transcripts that have it where the alignment with the fewest errors puts it.
  private static func wordPosteriors(of best: Hypothesis, among ranking: [Hypothesis]) -> [Double] {
    let words = best.text.split(separator: " ")
    var sums = [Double](repeating: 0, count: words.count)
    for hypothesis in ranking {
      let other = hypothesis.text.split(separator: " ")
      for index in matches(words, other) { sums[index] += hypothesis.posterior ?? 0 }
    }
    return sums.map { min(1, $0) }
  }

  /// Indices of the words of `words` that `other` has too, in a longest common subsequence.
  static func matches(_ words: [Substring], _ other: [Substring]) -> [Int] {
    commonSubsequence(words, other).map(\.0)
  }

  /// A longest common subsequence, as pairs of indices, ascending. Costs time and memory by the product of the lengths.
  static func commonSubsequence<Word: Equatable>(_ words: [Word], _ other: [Word]) -> [(Int, Int)] {
    let columns = other.count + 1
    var lengths = [Int](repeating: 0, count: (words.count + 1) * columns)
    for i in stride(from: words.count - 1, through: 0, by: -1) {
      for j in stride(from: other.count - 1, through: 0, by: -1) {
        lengths[i * columns + j] =
          words[i] == other[j]
          ? lengths[(i + 1) * columns + j + 1] + 1
          : max(lengths[(i + 1) * columns + j], lengths[i * columns + j + 1])
      }
    }
    var found: [(Int, Int)] = []
    var i = 0
    var j = 0
    while i < words.count, j < other.count {
      if words[i] == other[j] {
        found.append((i, j))
        i += 1
        j += 1
      } else if lengths[(i + 1) * columns + j] >= lengths[i * columns + j + 1] {
        i += 1
      } else {
        j += 1
      }
    }
    return found
  }
}
