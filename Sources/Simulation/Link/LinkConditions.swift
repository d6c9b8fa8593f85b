/// What is true of a kind of link beside its rate; the same for all of its devices.
public struct LinkConditions: Sendable, Hashable {
  /// Seconds there and back of a small message, at least.
  public var roundTrip: Double
  /// Mean of an exponentially distributed addition to it, drawn anew for every utterance.
  public var roundTripJitter: Double
  /// Probability that a packet is lost and sent again.
  public var loss: Double
  /// Mean bytes of others' traffic that stand before ours in the uplink's queue, drawn anew for every
  /// utterance from an exponential distribution.
  public var queuedBytes: Double

  public init(
    roundTrip: Double, roundTripJitter: Double = 0, loss: Double = 0, queuedBytes: Double = 0
  ) {
    self.roundTrip = roundTrip
    self.roundTripJitter = roundTripJitter
    self.loss = loss
    self.queuedBytes = queuedBytes
  }
}
