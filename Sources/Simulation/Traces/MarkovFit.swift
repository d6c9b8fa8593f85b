/// Fits a Markov chain to recordings: states are equally frequent classes of rates (outages are a class of
/// their own), transition probabilities are counted.
///
/// Keeps how rates are distributed and how long they last; not what lies further back than one step.
public enum MarkovFit {
  /// - Parameters:
  ///   - traces: at least one.
  ///   - states: classes of positive rates, at least 1.
  ///   - stepSeconds: how often the chain moves.
  public static func fit(_ traces: [RateTrace], states: Int, stepSeconds: Double) -> RateModel {
    let samples = traces.map { trace in
      stride(from: 0, to: trace.period - stepSeconds / 2, by: stepSeconds).map {
        trace.bits(from: $0, to: $0 + stepSeconds) / stepSeconds
      }
    }
    let positive = samples.joined().filter { $0 > 0 }.sorted()
    let hasOutage = samples.joined().contains { $0 <= 0 }
    let classes = max(1, min(states, positive.count))
    // Class c holds the positive rates from limits[c] up.
    let limits = (0..<classes).map { positive[$0 * positive.count / classes] }
    let offset = hasOutage ? 1 : 0
    func state(_ rate: Double) -> Int {
      rate <= 0 ? 0 : (limits.lastIndex { $0 <= rate } ?? 0) + offset
    }
    let count = classes + offset
    var sums = Array(repeating: 0.0, count: count)
    var visits = Array(repeating: 0.0, count: count)
    var moves = Array(repeating: Array(repeating: 0.0, count: count), count: count)
    for series in samples {
      for rate in series {
        sums[state(rate)] += rate
        visits[state(rate)] += 1
      }
      for (from, to) in zip(series, series.dropFirst()) { moves[state(from)][state(to)] += 1 }
    }
    let rows = moves.enumerated().map { index, row in
      let total = row.reduce(0, +)
      // A state that was only ever seen at a recording's end stays where it is.
      return total > 0
        ? row.map { $0 / total } : row.indices.map { $0 == index ? 1.0 : 0.0 }
    }
    return .markov(
      stepSeconds: stepSeconds,
      megabitsPerSecond: zip(sums, visits).map { $1 > 0 ? $0 / $1 / 1e6 : 0 }, rows: rows)
  }
}
