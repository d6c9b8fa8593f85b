/// Measured seconds of one utterance; nil for what did not happen.
public struct MeasuredTimes: Hashable, Codable, Sendable {
  /// From the end of the utterance to the answer.
  public var answer: Double
  /// Computing on the device.
  public var deviceCompute: Double
  /// From the first packet to its last acknowledgement.
  public var transfer: Double?
  /// Waiting at the edge, as it reported.
  public var edgeWait: Double?
  /// Computing at the edge, as it reported.
  public var edgeCompute: Double?
  /// From the end of the utterance to the edge's answer, even if the hedge had answered before.
  public var edgeAnswer: Double?

  public init(
    answer: Double, deviceCompute: Double, transfer: Double? = nil, edgeWait: Double? = nil,
    edgeCompute: Double? = nil, edgeAnswer: Double? = nil
  ) {
    self.answer = answer
    self.deviceCompute = deviceCompute
    self.transfer = transfer
    self.edgeWait = edgeWait
    self.edgeCompute = edgeCompute
    self.edgeAnswer = edgeAnswer
  }
}
