import Simulation

/// Percentile bootstrap over utterances (Bisani and Ney 2004): how far a word error rate would move with
/// another draw of utterances like these.
public enum Bootstrap {
  /// The 95 % interval of the pooled rate; nil without reference words.
  ///
  /// Deterministic for a seed.
  public static func interval(
    _ errors: [WordErrors], samples: Int = 1_000, seed: UInt64 = 1
  ) -> (low: Double, high: Double)? {
    interval(of: errors.map { ($0.errors, $0.words) }, samples: samples, seed: seed)
  }

  /// The 95 % interval of the difference of two paths' pooled rates over the same utterances, drawn together.
  ///
  /// - Parameter pairs: for every utterance the errors of the one and of the other.
  public static func pairedInterval(
    _ pairs: [(WordErrors, WordErrors)], samples: Int = 1_000, seed: UInt64 = 1
  ) -> (low: Double, high: Double)? {
    interval(
      of: pairs.map { ($0.0.errors - $0.1.errors, $0.0.words) }, samples: samples, seed: seed)
  }

  /// The middle 95 % of Σ errors / Σ words over draws with replacement.
  private static func interval(
    of utterances: [(errors: Int, words: Int)], samples: Int, seed: UInt64
  ) -> (low: Double, high: Double)? {
    guard utterances.contains(where: { $0.words > 0 }) else { return nil }
    var generator = SeededGenerator(seed: seed)
    var rates: [Double] = []
    rates.reserveCapacity(samples)
    for _ in 0..<samples {
      var errors = 0
      var words = 0
      for _ in utterances.indices {
        let drawn = utterances[Int(generator.next() % UInt64(utterances.count))]
        errors += drawn.errors
        words += drawn.words
      }
      if words > 0 { rates.append(Double(errors) / Double(words)) }
    }
    guard !rates.isEmpty else { return nil }
    rates.sort()
    return (
      rates[rates.count * 25 / 1_000], rates[min(rates.count - 1, rates.count * 975 / 1_000)]
    )
  }
}
