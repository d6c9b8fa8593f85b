/// Features that the edge had before the utterance was over.
public struct SentAhead: Hashable, Codable, Sendable {
  /// The only layer and codec that these frames serve.
  public var splitLayer: Int
  public var codec: Int
  /// Frames that the edge has acknowledged. What is on its way may wait in a queue, so it does not count.
  public var frames: Double
  /// Bytes that have left the device for them, framing included; spent, whatever comes.
  public var bytes: Double

  public init(splitLayer: Int, codec: Int, frames: Double, bytes: Double) {
    self.splitLayer = splitLayer
    self.codec = codec
    self.frames = frames
    self.bytes = bytes
  }
}
