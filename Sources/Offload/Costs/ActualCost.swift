/// What an utterance cost, from measurements; the same quantities as `PredictedCost`.
///
/// Energy is computed from the work and bytes that were measured, with the device class's coefficients.
public struct ActualCost: Hashable, Codable, Sendable {
  /// Seconds from the end of the utterance to the answer.
  public var latency: Double
  /// Joules drawn from the device.
  public var energy: Double
  /// Bytes sent and received.
  public var bytes: Double
  /// Seconds of one edge core.
  public var serverSeconds: Double
  /// Expected word errors of the given answer; nil if unknown.
  public var expectedErrors: Double?
  /// The weighted sum, in cost units; unknown errors count as 0.
  public var total: Double

  public init(
    latency: Double, energy: Double, bytes: Double, serverSeconds: Double, expectedErrors: Double?,
    total: Double
  ) {
    self.latency = latency
    self.energy = energy
    self.bytes = bytes
    self.serverSeconds = serverSeconds
    self.expectedErrors = expectedErrors
    self.total = total
  }
}
