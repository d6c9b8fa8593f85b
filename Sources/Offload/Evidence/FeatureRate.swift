/// A codec as deciding sees it: an index into the codec's table, and its size.
public struct FeatureRate: Hashable, Codable, Sendable {
  /// Index into `FeatureCodec.table`.
  public var codec: Int
  /// Bytes that one encoder frame takes.
  public var bytesPerFrame: Double

  public init(codec: Int, bytesPerFrame: Double) {
    self.codec = codec
    self.bytesPerFrame = bytesPerFrame
  }
}
