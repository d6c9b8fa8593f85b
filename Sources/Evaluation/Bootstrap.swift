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
    guard errors.contains(where: { $0.words > 0 }) else { return nil }
    var generator = SeededGenerator(seed: seed)
    var rates: [Double] = []
    rates.reserveCapacity(samples)
    for _ in 0..<samples {
      var wrong = 0
      var words = 0
      for _ in errors.indices {
        let drawn = errors[Int(generator.next() % UInt64(errors.count))]
        wrong += drawn.errors
        words += drawn.words
      }
      if words > 0 { rates.append(Double(wrong) / Double(words)) }
    }
    guard !rates.isEmpty else { return nil }
    rates.sort()
    return (
      rates[rates.count * 25 / 1_000], rates[min(rates.count - 1, rates.count * 975 / 1_000)]
    )
  }
}
