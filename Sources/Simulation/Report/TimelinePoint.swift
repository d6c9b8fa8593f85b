/// One slice of virtual time, over all devices; means are over the utterances that began in it, nil if none did.
public struct TimelinePoint: Codable, Sendable, Hashable {
  /// Seconds at which the slice begins.
  public var from: Double
  public var utterances: Int
  /// Share that was offloaded.
  public var offloadRate: Double?
  /// Mbit/s of the uplinks as they truly were.
  public var megabitsPerSecond: Double?
  /// Seconds that an utterance would have waited for an edge worker.
  public var edgeWait: Double?
  /// Cost units an utterance.
  public var meanCost: Double?
}
