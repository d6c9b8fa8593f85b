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
  /// Seconds from the end of the utterance to the answer; nil without utterances. Exact up to
  /// `SummaryBuilder.exactRows` utterances, beyond that at most 2.4 % too high.
  public var answerSeconds: Percentiles?
  public var bytesSent: Int
  public var bytesReceived: Int
  /// Mean predicted cost of an utterance in cost units, over rows that hold both costs.
  public var meanPredictedCost: Double?
  /// Mean actual cost over the same rows.
  public var meanActualCost: Double?
  /// Mean of |predicted - measured| seconds over offloaded rows with a prediction.
  public var meanLatencyError: Double?
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
