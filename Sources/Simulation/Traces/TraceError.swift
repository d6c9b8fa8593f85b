/// Why a recording of a link cannot be used. Every case names the file, and the line where there is one
/// (counted from 1).
public enum TraceError: Error, Hashable, Sendable {
  case unreadable(path: String, reason: String)
  case empty(path: String)
  /// Not two numbers (rates), or not one whole number (packet opportunities).
  case malformedLine(path: String, line: Int, text: String, expected: String)
  case negativeRate(path: String, line: Int, rate: Double)
  case notFinite(path: String, line: Int)
  /// The first time is not 0.
  case lateStart(path: String, seconds: Double)
  case unsortedTimes(path: String, line: Int, earlier: Double, later: Double)
  /// Longer than `RateTraceReader.longestGap` without a sample.
  case gap(path: String, line: Int, seconds: Double, longest: Double)
  /// A rate so high that it is surely not Mbit/s.
  case otherUnits(path: String, line: Int, rate: Double)
  /// Nothing is ever sent: every rate is 0.
  case neverSends(path: String)
  /// A share or factor that is not positive and finite.
  case badShare(Double)
}

extension TraceError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unreadable(let path, let reason):
      "the trace \(path) cannot be read: \(reason)"
    case .empty(let path):
      "the trace \(path) holds no sample; download it again"
    case .malformedLine(let path, let line, let text, let expected):
      "\(path):\(line): '\(text)' is not \(expected)"
    case .negativeRate(let path, let line, let rate):
      "\(path):\(line): a rate of \(rate) Mbit/s; rates are 0 (an outage) or more"
    case .notFinite(let path, let line):
      "\(path):\(line): a number that is not finite; leave the sample out"
    case .lateStart(let path, let seconds):
      "\(path):1: the first time is \(seconds) s; subtract it, so that times begin at 0"
    case .unsortedTimes(let path, let line, let earlier, let later):
      "\(path):\(line): time \(later) does not come after \(earlier); sort the file by time"
    case .gap(let path, let line, let seconds, let longest):
      "\(path):\(line): no sample for \(seconds) s, at most \(longest) s are bridged; cut the file "
        + "there, or, if nothing came through, say so with rates of 0. Times are in seconds"
    case .otherUnits(let path, let line, let rate):
      "\(path):\(line): \(rate) Mbit/s is more than any link here; the file is perhaps in kbit/s or "
        + "bit/s: divide by 1000 or 1000000"
    case .neverSends(let path):
      "\(path): every rate is 0, so nothing can ever be sent; leave the file out"
    case .badShare(let share):
      "an uplinkShare of \(share); it is a factor greater than 0, such as 0.05"
    }
  }
}
