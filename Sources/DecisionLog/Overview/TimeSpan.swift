/// From the first to the last utterance.
struct TimeSpan {
  /// Seconds since 1970 up to the year 2200; a clock that says anything else was not set.
  static let usable = 0.0..<7_258_118_400.0

  private(set) var range: ClosedRange<Double>?

  mutating func add(_ time: Double) {
    guard Self.usable.contains(time) else { return }
    range = range.map { min($0.lowerBound, time)...max($0.upperBound, time) } ?? time...time
  }
}
