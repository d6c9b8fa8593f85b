import Foundation

/// Reads `seconds Mbit/s`, two numbers a line: a rate holds until the next line, the last one as long as
/// the one before it. Empty lines and lines that begin with # do not count.
///
/// A rate of 0 is an outage and allowed: real recordings are full of them. A negative rate, times that do not ascend
/// from 0, silence of more than `longestGap` seconds and rates beyond `highestRate` are errors.
public enum RateTraceReader {
  /// Seconds between two lines that are taken for one recording.
  public static let longestGap = 30.0
  /// Mbit/s; more than any mobile or home link of the day.
  public static let highestRate = 20_000.0

  /// - Throws: `TraceError`.
  public static func read(path: String) throws(TraceError) -> RateTrace {
    try parse(try TraceFile.text(path: path), path: path)
  }

  /// - Parameters:
  ///   - text: the file's content.
  ///   - path: its name, for errors.
  public static func parse(_ text: String, path: String) throws(TraceError) -> RateTrace {
    var starts: [Double] = []
    var rates: [Double] = []
    for (line, words) in TraceFile.lines(text) {
      guard words.count == 2, let time = Double(words[0]), let rate = Double(words[1]) else {
        throw .malformedLine(
          path: path, line: line, text: words.joined(separator: " "),
          expected: "two numbers, 'seconds Mbit/s', without units")
      }
      guard time.isFinite, rate.isFinite else { throw .notFinite(path: path, line: line) }
      guard rate >= 0 else { throw .negativeRate(path: path, line: line, rate: rate) }
      guard rate <= highestRate else { throw .otherUnits(path: path, line: line, rate: rate) }
      if let last = starts.last {
        guard time > last else {
          throw .unsortedTimes(path: path, line: line, earlier: last, later: time)
        }
        guard time - last <= longestGap else {
          throw .gap(path: path, line: line, seconds: time - last, longest: longestGap)
        }
      } else if time != 0 {
        throw .lateStart(path: path, seconds: time)
      }
      starts.append(time)
      rates.append(rate * 1e6)
    }
    guard let last = starts.last else { throw .empty(path: path) }
    guard rates.contains(where: { $0 > 0 }) else { throw .neverSends(path: path) }
    let hold = starts.count > 1 ? last - starts[starts.count - 2] : 1
    return RateTrace(starts: starts, rates: rates, period: last + hold)
  }
}
