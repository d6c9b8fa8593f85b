/// What is sent ahead: one layer with one codec, for the whole utterance.
public struct SpeculationPlan: Hashable, Codable, Sendable {
  /// Blocks computed on the device, 0 for none.
  public var splitLayer: Int
  /// Index into `FeatureCodec.table`.
  public var codec: Int
  /// Seconds of speech a packet.
  public var packetDuration: Double

  public init(splitLayer: Int, codec: Int, packetDuration: Double) {
    self.splitLayer = splitLayer
    self.codec = codec
    self.packetDuration = packetDuration
  }

  /// nil if `action` is no offload.
  public init?(_ action: Action) {
    guard case .offload(let layer, let codec, let duration) = action else { return nil }
    self.init(splitLayer: layer, codec: codec, packetDuration: duration)
  }

  /// The offload that it becomes when it is kept.
  public var action: Action {
    .offload(splitLayer: splitLayer, codec: codec, packetDuration: packetDuration)
  }
}
