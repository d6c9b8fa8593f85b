/// When nothing gets through, whatever the recording says: seconds of virtual time, ascending, apart from one another.
public struct Outages: Sendable, Hashable {
  public private(set) var windows: [ClosedRange<Double>]

  public static let none = Outages(windows: [])

  /// - Parameter windows: in any order; those that overlap become one.
  public init(windows: [ClosedRange<Double>]) {
    var merged: [ClosedRange<Double>] = []
    for window in windows.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = merged.last, window.lowerBound <= last.upperBound {
        merged[merged.count - 1] = last.lowerBound...max(last.upperBound, window.upperBound)
      } else {
        merged.append(window)
      }
    }
    self.windows = merged
  }

  /// Outages that come and go at random (exponentially distributed times) until `seconds`.
  public init(
    meanUpSeconds: Double, meanDownSeconds: Double, until seconds: Double,
    generator: inout SeededGenerator
  ) {
    var windows: [ClosedRange<Double>] = []
    var time = generator.exponential(mean: meanUpSeconds)
    while time < seconds {
      let end = time + generator.exponential(mean: meanDownSeconds)
      windows.append(time...end)
      // A thousandth of a second at least, so that the loop ends whatever the settings.
      time = end + max(0.001, generator.exponential(mean: meanUpSeconds))
    }
    self.init(windows: windows)
  }

  /// The first window that is not over at `time`; nil if none is left.
  public func next(at time: Double) -> ClosedRange<Double>? {
    var lower = 0
    var upper = windows.count
    while lower < upper {
      let middle = (lower + upper) / 2
      if windows[middle].upperBound > time { upper = middle } else { lower = middle + 1 }
    }
    return lower < windows.count ? windows[lower] : nil
  }

  public func contains(_ time: Double) -> Bool {
    next(at: time).map { $0.lowerBound <= time } ?? false
  }
}
