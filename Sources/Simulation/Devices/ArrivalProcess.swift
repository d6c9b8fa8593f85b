/// When users speak. An utterance is never spoken before the last one's deadline is over.
public enum ArrivalProcess: Sendable, Hashable {
  /// At random, so many utterances an hour on average.
  case poisson(perHour: Double)
  /// A Poisson process whose rate follows the hour of the day: 24 weights, from midnight.
  case diurnal(perHour: Double, hourWeights: [Double])
  /// Conversations: `length` utterances one right after the other, then a pause.
  case bursts(burstsPerHour: Double, length: Int, pauseSeconds: Double)

  /// The time of the next wish to speak.
  /// - Parameters:
  ///   - time: of the last one, or 0.
  ///   - number: of the utterance that is asked for, from 0.
  public func next(after time: Double, number: Int, generator: inout SeededGenerator) -> Double {
    switch self {
    case .poisson(let perHour):
      return time + generator.exponential(mean: 3600 / perHour)
    case .diurnal(let perHour, let weights):
      let mean = weights.reduce(0, +) / Double(weights.count)
      let peak = weights.max() ?? 1
      var time = time
      // Thinning (Lewis and Shedler 1979).
      repeat {
        time += generator.exponential(mean: 3600 / (perHour * peak / mean))
      } while generator.uniform() * peak >= weights[Int(time / 3600) % weights.count]
      return time
    case .bursts(let perHour, let length, let pause):
      let beginsBurst = number % max(1, length) == 0
      return time + generator.exponential(mean: beginsBurst ? 3600 / perHour : pause)
    }
  }
}
