/// What an utterance really took, as the device measured it.
public struct MeasuredUse: Hashable, Codable, Sendable {
  /// Seconds from the end of the utterance to the answer.
  public var latency: Double
  /// Blocks computed on the device, by the hedge too.
  public var blocksDone: Int
  /// Exits computed on the device, by the hedge too.
  public var exitsDone: Int
  /// What was sent while the user spoke included, whether or not it was of use.
  public var bytesSent: Int
  public var bytesReceived: Int
  /// Seconds that the radio was busy with this utterance, while the user spoke included; 0 if nothing was sent.
  public var transferSeconds: Double
  /// Seconds of edge core, as the edge reported; 0 without edge.
  public var serverSeconds: Double
  /// Expected word errors of the answer that was given (the reference is not known in the field).
  public var expectedErrors: Double?

  public init(
    latency: Double, blocksDone: Int, exitsDone: Int, bytesSent: Int = 0, bytesReceived: Int = 0,
    transferSeconds: Double = 0, serverSeconds: Double = 0, expectedErrors: Double? = nil
  ) {
    self.latency = latency
    self.blocksDone = blocksDone
    self.exitsDone = exitsDone
    self.bytesSent = bytesSent
    self.bytesReceived = bytesReceived
    self.transferSeconds = transferSeconds
    self.serverSeconds = serverSeconds
    self.expectedErrors = expectedErrors
  }
}
