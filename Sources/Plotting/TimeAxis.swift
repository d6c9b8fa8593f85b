import Foundation

/// An axis of times of day and dates, in UTC so that it looks the same on every machine.
public struct TimeAxis: Sendable {
  /// Seconds since 1970.
  public let range: ClosedRange<Double>
  public let ticks: [Tick]
  /// What the ticks do not say: the day, or the year.
  public let label: String

  private static let steps: [Double] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
    172_800, 604_800, 1_209_600,
  ]
  /// In months.
  private static let longSteps = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// - Parameters:
  ///   - range: within the years 1970 to 2200.
  ///   - count: at most so many ticks.
  public init(_ range: ClosedRange<Double>, count: Int = 6) {
    self.range = range
    let first = Self.date(range.lowerBound)
    let last = Self.date(range.upperBound)
    let isOneDay = (first.year, first.month, first.day) == (last.year, last.month, last.day)
    let isOneYear = first.year == last.year
    label =
      isOneDay
      ? "\(first.day) \(Self.months[first.month - 1]) \(first.year), UTC"
      : isOneYear ? "\(first.year), UTC" : "\(first.year) to \(last.year), UTC"
    let rough = (range.upperBound - range.lowerBound) / Double(max(count, 1))
    if let step = Self.steps.first(where: { $0 >= rough }) {
      var tick = (range.lowerBound / step).rounded(.up) * step
      var ticks: [Tick] = []
      while tick <= range.upperBound, ticks.count <= count + 1 {
        ticks.append(Tick(tick, Self.label(tick, step: step, isOneDay: isOneDay)))
        tick += step
      }
      self.ticks = ticks
      return
    }
    let step = Self.longSteps.first { Double($0) * 2_629_746 >= rough } ?? 600
    var month = (first.year * 12 + first.month - 1) / step * step
    var ticks: [Tick] = []
    while ticks.count <= count + 1 {
      let time = Self.time(year: month / 12, month: month % 12 + 1)
      if time > range.upperBound { break }
      if time >= range.lowerBound {
        ticks.append(
          Tick(
            time,
            step < 12 ? "\(Self.months[month % 12]) \(month / 12)" : "\(month / 12)"))
      }
      month += step
    }
    self.ticks = ticks
  }

  /// A point in time for a sentence: `21 Nov 2026 18:05`.
  public static func text(_ time: Double) -> String {
    let date = date(time)
    return "\(date.day) \(months[date.month - 1]) \(date.year) \(clock(time, seconds: false))"
  }

  private static func label(_ time: Double, step: Double, isOneDay: Bool) -> String {
    let isMidnight = time.truncatingRemainder(dividingBy: 86_400) == 0
    if step >= 86_400 || (isMidnight && !isOneDay) {
      let date = date(time)
      return "\(date.day) \(months[date.month - 1])"
    }
    return clock(time, seconds: step < 60)
  }

  private static func clock(_ time: Double, seconds: Bool) -> String {
    let day = Int(time.rounded(.down)) % 86_400
    let text = String(format: "%02d:%02d", day / 3600, day / 60 % 60)
    return seconds ? text + String(format: ":%02d", day % 60) : text
  }

  private static let calendar: Calendar = {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = TimeZone(secondsFromGMT: 0) ?? .gmt
    return calendar
  }()

  private static func date(_ time: Double) -> (year: Int, month: Int, day: Int) {
    let parts = calendar.dateComponents(
      [.year, .month, .day], from: Date(timeIntervalSince1970: time))
    return (parts.year ?? 1970, parts.month ?? 1, parts.day ?? 1)
  }

  private static func time(year: Int, month: Int) -> Double {
    calendar.date(from: DateComponents(year: year, month: month, day: 1))?.timeIntervalSince1970
      ?? .infinity
  }
}
