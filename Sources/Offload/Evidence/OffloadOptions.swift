/// What an offload may look like now: every combination of a layer, a rate and a packet duration.
public struct OffloadOptions: Hashable, Codable, Sendable {
  /// Split layers whose features the device has and the edge accepts: k blocks on the device, the rest at
  /// the edge; 0 is the features before the first block. Empty if there is no edge.
  public var splitLayers: [Int]
  /// Codecs that both ends know.
  public var rates: [FeatureRate]
  /// Seconds of speech a packet.
  public var packetDurations: [Double]

  public init(splitLayers: [Int], rates: [FeatureRate], packetDurations: [Double]) {
    self.splitLayers = splitLayers
    self.rates = rates
    self.packetDurations = packetDurations
  }

  /// No edge to offload to.
  public static let none = OffloadOptions(splitLayers: [], rates: [], packetDurations: [])

  public var isEmpty: Bool { splitLayers.isEmpty || rates.isEmpty || packetDurations.isEmpty }
}
