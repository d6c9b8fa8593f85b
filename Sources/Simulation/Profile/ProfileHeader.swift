import Offload

/// The first line of a profile: what was profiled.
public struct ProfileHeader: Codable, Sendable, Hashable {
  /// The newest version that this code reads.
  public static let currentVersion = 1

  /// Version of the format: 1.
  public var tandemProfile: Int
  /// Where the numbers come from, such as the model's fingerprint and the manifest; shown in reports.
  public var source: String
  /// The model's exits and its work, in operations a frame.
  public var shape: ModelShape
  /// Values in a frame at every split layer.
  public var dimension: Int
  /// Layers at which the edge path was profiled.
  public var splitLayers: [Int]
  /// Indices into `FeatureCodec.table` with which it was profiled.
  public var codecs: [Int]
  /// What is sent instead of features by a client without a model, such as "opus-24"; may be empty.
  public var baselines: [String]
  /// Seconds of speech between two of an utterance's prefixes; nil: there are none, and nothing is sent while the
  /// user speaks.
  public var prefixSeconds: Double?
  /// Encoder frames that are computed at a time; nil: every frame by itself.
  public var chunkFrames: Int?

  public init(
    source: String, shape: ModelShape, dimension: Int, splitLayers: [Int], codecs: [Int],
    baselines: [String] = [], prefixSeconds: Double? = nil, chunkFrames: Int? = nil
  ) {
    tandemProfile = Self.currentVersion
    self.source = source
    self.shape = shape
    self.dimension = dimension
    self.splitLayers = splitLayers
    self.codecs = codecs
    self.baselines = baselines
    self.prefixSeconds = prefixSeconds
    self.chunkFrames = chunkFrames
  }
}
