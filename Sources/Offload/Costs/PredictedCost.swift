/// What an action is expected to cost from now on.
public struct PredictedCost: Hashable, Codable, Sendable {
  /// Seconds until the answer (for `nextExit`: until that exit's transcript).
  public var latency: Double
  /// Joules drawn from the device.
  public var energy: Double
  /// Bytes sent and received.
  public var bytes: Double
  /// Of `bytes`, those that are over before the user stops speaking, so that nobody waits for them; nil: none.
  public var bytesAhead: Double?
  /// Seconds of one edge core.
  public var serverSeconds: Double
  /// Expected word errors in the transcript; nil if nothing is known of the exit's or edge's accuracy.
  public var expectedErrors: Double?
  /// What the expected errors add to `total`, in cost units; 0 if they are unknown.
  public var errorTotal: Double
  /// The weighted sum of all of it, in cost units.
  public var total: Double

  public init(
    latency: Double, energy: Double, bytes: Double, serverSeconds: Double, expectedErrors: Double?,
    errorTotal: Double, total: Double, bytesAhead: Double? = nil
  ) {
    self.latency = latency
    self.energy = energy
    self.bytes = bytes
    self.bytesAhead = bytesAhead
    self.serverSeconds = serverSeconds
    self.expectedErrors = expectedErrors
    self.errorTotal = errorTotal
    self.total = total
  }
}
