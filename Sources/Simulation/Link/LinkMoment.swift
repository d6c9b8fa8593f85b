/// The chance that one utterance meets on the link. Drawn from the seed, the device and the utterance's
/// number, never from what a policy did: all policies meet the same.
public struct LinkMoment: Sendable, Hashable {
  /// Seconds there and back of a small message.
  public var roundTrip: Double
  /// Bytes of others before ours in the uplink's queue.
  public var queuedBytes: Double
  /// Times that the last packet is lost: nothing behind it tells the sender, who waits for his timer.
  public var tailLosses: Int

  public init(roundTrip: Double, queuedBytes: Double = 0, tailLosses: Int = 0) {
    self.roundTrip = roundTrip
    self.queuedBytes = queuedBytes
    self.tailLosses = tailLosses
  }

  public init(_ conditions: LinkConditions, generator: inout SeededGenerator) {
    roundTrip = conditions.roundTrip + generator.exponential(mean: conditions.roundTripJitter)
    queuedBytes = generator.exponential(mean: conditions.queuedBytes)
    tailLosses = 0
    // More than a few in a row is an outage, which has its own model.
    while tailLosses < 4, generator.uniform() < conditions.loss { tailLosses += 1 }
  }
}
