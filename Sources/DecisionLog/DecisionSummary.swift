import Offload

/// A decision log in numbers.
public struct DecisionSummary: Hashable, Codable, Sendable {
  public var utterances: Int
  /// Seconds of speech.
  public var speechSeconds: Double
  /// Answers by where they came from: `exit 1`, …, `edge`, `none`.
  public var byOrigin: [String: Int]
  /// Last decisions by `Reason.code`.
  public var byReason: [String: Int]
  /// Fallbacks to the device's transcript by reason.
  public var byFallback: [String: Int]
  /// Share of the utterances whose features were shipped; nil without utterances.
  public var offloadRate: Double?
  /// Seconds from the end of the utterance to the answer; nil without utterances.
  public var answerSeconds: Percentiles?
  public var bytesSent: Int
  public var bytesReceived: Int
  /// Mean predicted cost of an utterance in cost units, over rows that hold both costs.
  public var meanPredictedCost: Double?
  /// Mean actual cost over the same rows.
  public var meanActualCost: Double?
  /// Mean of |predicted - measured| seconds over offloaded rows with a prediction.
  public var meanLatencyError: Double?

  /// Takes rows one by one: memory grows only by one number a row.
  struct Builder {
    private var summary = DecisionSummary(
      utterances: 0, speechSeconds: 0, byOrigin: [:], byReason: [:], byFallback: [:],
      offloadRate: nil, answerSeconds: nil, bytesSent: 0, bytesReceived: 0,
      meanPredictedCost: nil, meanActualCost: nil, meanLatencyError: nil)
    private var answers: [Double] = []
    private var offloads = 0
    private var predicted = 0.0
    private var actual = 0.0
    private var costs = 0
    private var latencyError = 0.0
    private var latencies = 0

    mutating func add(_ row: StoredDecision) {
      summary.utterances += 1
      summary.speechSeconds += row.durationSeconds
      summary.byOrigin[row.origin, default: 0] += 1
      summary.byReason[row.reason, default: 0] += 1
      if let fallback = row.fallbackReason { summary.byFallback[fallback, default: 0] += 1 }
      summary.bytesSent += row.bytesSent
      summary.bytesReceived += row.bytesReceived
      answers.append(row.answerSeconds)
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
      let sorted = answers.sorted()
      func percentile(_ fraction: Double) -> Double {
        // Nearest rank: an answer time that really occurred.
        let rank = (fraction * Double(sorted.count)).rounded(.up)
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
  }
}

extension DecisionSummary: CustomStringConvertible {
  /// A few lines for a terminal.
  public var description: String {
    func short(_ value: Double?, _ unit: String) -> String {
      value.map { "\(($0 * 1000).rounded() / 1000)\(unit)" } ?? "-"
    }
    func counts(_ counts: [String: Int]) -> String {
      counts.isEmpty
        ? "-"
        : counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
          .map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    }
    return """
      utterances    \(utterances), \(short(speechSeconds, " s")) of speech
      answered by   \(counts(byOrigin))
      decided by    \(counts(byReason))
      fallbacks     \(counts(byFallback))
      offload rate  \(short(offloadRate.map { $0 * 100 }, " %"))
      answer after  median \(short(answerSeconds?.median, " s")), 10 % \
      \(short(answerSeconds?.tenth, " s")), 90 % \(short(answerSeconds?.ninetieth, " s"))
      bytes         \(bytesSent) sent, \(bytesReceived) received
      mean cost     predicted \(short(meanPredictedCost, "")), actual \(short(meanActualCost, ""))
      latency error \(short(meanLatencyError, " s")) (mean, offloaded)
      """
  }
}
