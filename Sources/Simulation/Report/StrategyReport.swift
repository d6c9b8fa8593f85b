import Plotting

/// What one strategy made of a scenario: one JSON object a strategy. Holds nothing that depends on the machine
/// or its clock.
public struct StrategyReport: Codable, Sendable, Hashable {
  public var strategy: String
  public var kind: Strategy.Kind
  public var scenario: String
  public var seed: UInt64
  /// Where the profile's numbers come from.
  public var profile: String
  public var utterances: Int
  public var decisions: Int
  /// Times that devices looked at what their exits said while the user spoke.
  public var considerations: Int
  public var events: Int
  /// Cost units (Config/costs.yaml) an utterance, with true errors.
  public var meanCost: Double
  /// 95 % of bootstrap samples (of devices and stretches of time) lie between.
  public var meanCostInterval: [Double]
  /// Seconds from the end of speech to the answer.
  public var meanLatency: Double
  public var medianLatency: Double?
  public var latency90: Double?
  public var latency95: Double?
  public var latency99: Double?
  /// Share of the utterances.
  public var offloadRate: Double
  /// Share of the utterances whose offload was a stream that began while the user spoke.
  public var aheadRate: Double
  /// Share of those for which something was sent while the user spoke, and withdrawn or lost.
  public var withdrawnRate: Double
  /// Bytes of that, over all utterances; they are in `bytesPerUtterance` too.
  public var withdrawnBytesPerUtterance: Double
  public var bytesPerUtterance: Double
  public var joulesPerUtterance: Double
  public var serverSecondsPerUtterance: Double
  public var wordErrors: Int
  public var referenceWords: Int
  public var wordErrorRate: Double
  /// Answers that came more than 0.1 s after their deadline, or not at all.
  public var deadlineMisses: Int
  public var unanswered: Int
  /// Utterances that had to wait until the one before them was answered.
  public var delayedBegins: Int
  /// Utterances that nobody heard: the battery was empty.
  public var lostToBattery: Int
  /// Answers by origin: "edge", "exit 1", …, "none".
  public var answeredBy: [String: Int]
  /// Offloads that the edge did not answer, by reason.
  public var fallbacks: [String: Int]
  /// "exact" or "bound" for oracles; nil for the others.
  public var oracle: String?
  /// Against the oracles, if they ran.
  public var regret: [Regret]
  public var latencies: [CumulativePoint]
  public var timeline: [TimelinePoint]
  /// Most events that waited at one time.
  public var peakEvents: Int
}
