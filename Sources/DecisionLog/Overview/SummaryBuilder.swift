import Offload
import Plotting

/// Takes rows one by one and makes a `DecisionSummary` of them, in memory that does not grow with the log.
struct SummaryBuilder {
  /// Up to so many rows percentiles are exact; beyond that they come from a histogram.
  static let exactRows = 50_000
  /// Kinds of origins, reasons and failures that are told apart; what comes after counts as `other`.
  private static let mostKinds = 100

  private var summary = DecisionSummary(
    utterances: 0, speechSeconds: 0, byOrigin: [:], byReason: [:], byFallback: [:],
    offloadRate: nil, answerSeconds: nil, bytesSent: 0, bytesReceived: 0,
    meanPredictedCost: nil, meanActualCost: nil, meanLatencyError: nil)
  private var answers: [Double] = []
  private var histogram = LatencyHistogram()
  private var offloads = 0
  private var predicted = 0.0
  private var actual = 0.0
  private var costs = 0
  private var latencyError = 0.0
  private var latencies = 0

  mutating func add(_ row: SummaryRow) {
    summary.utterances += 1
    summary.speechSeconds += row.durationSeconds
    Self.count(row.origin, in: &summary.byOrigin)
    Self.count(row.reason, in: &summary.byReason)
    if let fallback = row.fallbackReason { Self.count(fallback, in: &summary.byFallback) }
    summary.bytesSent = Self.sum(summary.bytesSent, row.bytesSent)
    summary.bytesReceived = Self.sum(summary.bytesReceived, row.bytesReceived)
    histogram.add(row.answerSeconds)
    if answers.count < Self.exactRows { answers.append(row.answerSeconds) }
    if row.offloaded { offloads += 1 }
    if let predictedTotal = row.predictedTotal, let actualTotal = row.actualTotal {
      predicted += predictedTotal
      actual += actualTotal
      costs += 1
    }
    if row.offloaded, let predictedLatency = row.predictedLatency {
      latencyError += abs(predictedLatency - row.answerSeconds)
      latencies += 1
    }
  }

  func finish() -> DecisionSummary {
    var summary = summary
    guard summary.utterances > 0 else { return summary }
    summary.offloadRate = Double(offloads) / Double(summary.utterances)
    let isExact = summary.utterances == answers.count
    let sorted = isExact ? answers.sorted() : []
    func percentile(_ share: Double) -> Double {
      guard isExact else { return histogram.percentile(share) ?? 0 }
      // Nearest rank: an answer time that really occurred.
      let rank = (share * Double(sorted.count)).rounded(.up)
      return sorted[max(0, min(sorted.count - 1, Int(rank) - 1))]
    }
    summary.answerSeconds = Percentiles(
      tenth: percentile(0.1), median: percentile(0.5), ninetieth: percentile(0.9))
    if costs > 0 {
      summary.meanPredictedCost = predicted / Double(costs)
      summary.meanActualCost = actual / Double(costs)
    }
    if latencies > 0 { summary.meanLatencyError = latencyError / Double(latencies) }
    return summary
  }

  private static func count(_ kind: String, in counts: inout [String: Int]) {
    let isKnown = counts[kind] != nil || counts.count < mostKinds
    counts[isKnown ? kind : "other", default: 0] += 1
  }

  /// A damaged file may say anything; a sum must not stop the program.
  private static func sum(_ first: Int, _ second: Int) -> Int {
    let (sum, isTooLarge) = first.addingReportingOverflow(second)
    return isTooLarge ? .max : sum
  }
}
