/// Reads Mahimahi's packet opportunities (Netravali et al., USENIX ATC 2015): one whole number of
/// milliseconds a line, ascending, each a chance to send 1500 bytes. As in Mahimahi, the recording begins anew
/// after its last line.
///
/// An opportunity at millisecond t becomes 12 Mbit/s from t - 1 to t ms, so that transfers are exact to a millisecond;
/// one at 0 counts as one at 1. Milliseconds without opportunities are outages and allowed.
public enum PacketOpportunityReader {
  /// Bytes that one line stands for.
  public static let opportunityBytes = 1_500.0

  /// - Throws: `TraceError`.
  public static func read(path: String) throws(TraceError) -> RateTrace {
    try parse(try TraceFile.text(path: path), path: path)
  }

  /// - Parameters:
  ///   - text: the file's content.
  ///   - path: its name, for errors.
  public static func parse(_ text: String, path: String) throws(TraceError) -> RateTrace {
    var opportunities: [(millisecond: Int, count: Int)] = []
    for (line, words) in TraceFile.lines(text) {
      guard words.count == 1, let number = Int(words[0]) else {
        throw .malformedLine(
          path: path, line: line, text: words.joined(separator: " "),
          expected: "one whole number of milliseconds, as Mahimahi writes them")
      }
      let millisecond = max(number, 1)
      let last = opportunities.last?.millisecond ?? 0
      guard number >= 0, opportunities.isEmpty || millisecond >= last else {
        throw .unsortedTimes(
          path: path, line: line, earlier: Double(last) / 1000, later: Double(number) / 1000)
      }
      let gap = Double(millisecond - last) / 1000
      // Longer than any outage in the recordings that are around, and what seconds since 1970 look like.
      guard gap <= longestOutage else {
        throw .gap(path: path, line: line, seconds: gap, longest: longestOutage)
      }
      if millisecond == last, !opportunities.isEmpty {
        opportunities[opportunities.count - 1].count += 1
      } else {
        opportunities.append((millisecond, 1))
      }
    }
    guard let end = opportunities.last?.millisecond else { throw .empty(path: path) }

    var starts: [Double] = []
    var rates: [Double] = []
    func append(from millisecond: Int, rate: Double) {
      if rates.last == rate { return }
      starts.append(Double(millisecond) / 1000)
      rates.append(rate)
    }
    var covered = 0
    for opportunity in opportunities {
      if opportunity.millisecond - 1 > covered { append(from: covered, rate: 0) }
      append(
        from: opportunity.millisecond - 1,
        rate: Double(opportunity.count) * opportunityBytes * 8 * 1000)
      covered = opportunity.millisecond
    }
    return RateTrace(starts: starts, rates: rates, period: Double(end) / 1000)
  }

  /// Seconds without an opportunity that count as an outage, not as a broken file.
  static let longestOutage = 300.0
}
