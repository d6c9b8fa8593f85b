/// A source of made-up rates: a fall-back where no recording is at hand, and a way to ask "what if".
public enum RateModel: Sendable, Hashable {
  /// Always the same Mbit/s.
  case constant(megabitsPerSecond: Double)
  /// Two states, each left after an exponentially distributed time (Gilbert 1960, Elliott 1963).
  case gilbertElliott(
    goodMegabitsPerSecond: Double, badMegabitsPerSecond: Double, goodSeconds: Double,
    badSeconds: Double)
  /// A Markov chain over rates: `rows[i][j]` is the probability to go from state i to j after every step.
  case markov(stepSeconds: Double, megabitsPerSecond: [Double], rows: [[Double]])

  /// A recording of `seconds` from this source, repeated after its end.
  ///
  /// A chain that never left rates of 0 in all that time would never send: it gets its highest rate for
  /// one step at the end.
  public func trace(seconds: Double, generator: inout SeededGenerator) -> RateTrace {
    switch self {
    case .constant(let rate):
      return .constant(bitsPerSecond: rate * 1e6)
    case .gilbertElliott(let good, let bad, let goodSeconds, let badSeconds):
      var starts: [Double] = []
      var rates: [Double] = []
      var time = 0.0
      // Begins in either state in proportion to the time spent there.
      var isGood = generator.uniform() * (goodSeconds + badSeconds) < goodSeconds
      while time < seconds {
        starts.append(time)
        rates.append((isGood ? good : bad) * 1e6)
        time += max(0.001, generator.exponential(mean: isGood ? goodSeconds : badSeconds))
        isGood.toggle()
      }
      return Self.sending(starts, rates, period: seconds, highest: max(good, bad), step: 1)
    case .markov(let step, let rateOfState, let rows):
      var starts: [Double] = []
      var rates: [Double] = []
      var state = generator.index(weights: Self.stationary(rows))
      let steps = max(1, Int((seconds / step).rounded(.up)))
      for index in 0..<steps {
        if rates.last != rateOfState[state] * 1e6 {
          starts.append(Double(index) * step)
          rates.append(rateOfState[state] * 1e6)
        }
        state = generator.index(weights: rows[state])
      }
      return Self.sending(
        starts, rates, period: Double(steps) * step, highest: rateOfState.max() ?? 1, step: step)
    }
  }

  /// The share of time that the chain spends in each state, by iterating from equal shares.
  static func stationary(_ rows: [[Double]]) -> [Double] {
    var shares = Array(repeating: 1 / Double(rows.count), count: rows.count)
    for _ in 0..<200 {
      var next = Array(repeating: 0.0, count: rows.count)
      for (state, share) in shares.enumerated() {
        // Half of it stays: the same limit, and no swinging between states.
        next[state] += share / 2
        for (target, probability) in rows[state].enumerated() {
          next[target] += share * probability / 2
        }
      }
      shares = next
    }
    return shares
  }

  private static func sending(
    _ starts: [Double], _ rates: [Double], period: Double, highest: Double, step: Double
  ) -> RateTrace {
    if rates.contains(where: { $0 > 0 }) {
      return RateTrace(starts: starts, rates: rates, period: period)
    }
    return RateTrace(
      starts: starts + [period], rates: rates + [max(highest, 0.001) * 1e6], period: period + step)
  }
}
