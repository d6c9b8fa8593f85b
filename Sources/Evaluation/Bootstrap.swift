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
    return middle(rates)
  }

  /// The 95 % interval of the difference of two paths' pooled rates over the same utterances, drawn together.
  ///
  /// - Parameter pairs: for every utterance the errors of the one and of the other.
  public static func pairedInterval(
    _ pairs: [(WordErrors, WordErrors)], samples: Int = 1_000, seed: UInt64 = 1
  ) -> (low: Double, high: Double)? {
    guard pairs.contains(where: { $0.0.words > 0 }) else { return nil }
    var generator = SeededGenerator(seed: seed)
    var differences: [Double] = []
    differences.reserveCapacity(samples)
    for _ in 0..<samples {
      var difference = 0
      var words = 0
      for _ in pairs.indices {
        let drawn = pairs[Int(generator.next() % UInt64(pairs.count))]
        difference += drawn.0.errors - drawn.1.errors
        words += drawn.0.words
      }
      if words > 0 { differences.append(Double(difference) / Double(words)) }
    }
    return middle(differences)
  }

  private static func middle(_ values: [Double]) -> (low: Double, high: Double)? {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    return (
      sorted[sorted.count * 25 / 1_000], sorted[min(sorted.count - 1, sorted.count * 975 / 1_000)]
    )
  }
}
