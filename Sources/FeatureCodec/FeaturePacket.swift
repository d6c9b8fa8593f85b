/// Consecutive frames of one utterance in encoded form: what one message on the wire carries.
public struct FeaturePacket: Hashable, Sendable {
  /// Index of the first frame in the utterance, from 0.
  public let firstFrame: Int
  /// Number of frames, at least 1.
  public let frameCount: Int
  /// frameCount * `bytesPerFrame` bytes.
  public let payload: [UInt8]

  public init(firstFrame: Int, frameCount: Int, payload: [UInt8]) {
    self.firstFrame = firstFrame
    self.frameCount = frameCount
    self.payload = payload
  }
}
