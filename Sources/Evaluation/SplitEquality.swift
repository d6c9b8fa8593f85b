import Audio
import Conformer
import FeatureCodec

/// `tandem-evaluate split`: how many transcripts differ between split and unsplit, for every split layer.
public struct SplitEvaluation: Sendable {
  public struct Row: Sendable, Codable {
    public var splitLayer: Int
    public var codec: String
    public var utterances: Int
    public var differing: Int
    /// Payload bytes a second of speech.
    public var bytesPerSecond: Double
  }

  public var rows: [Row]

  public init(
    manifest: Manifest, paths: Paths, limit: Int? = nil, threads: Int,
    progress: (@Sendable (Int) -> Void)? = nil
  ) throws {
    let items = limit.map { Array(manifest.items.prefix($0)) } ?? manifest.items
    let layers = Array(0...paths.model.blockCount)
    let differing = try inParallel(items.count, threads: threads, progress: progress) {
      index -> [Bool] in
      let encoder = paths.encode(try AudioReader.readAll(path: items[index].path))
      let whole = try paths.unsplit(encoder).text
      return try layers.map { try paths.edge(encoder, splitLayer: $0).text != whole }
    }
    rows = layers.map { layer in
      Row(
        splitLayer: layer, codec: paths.codec.name, utterances: items.count,
        differing: differing.count { $0[layer] },
        bytesPerSecond: Double(paths.codec.bytesPerFrame(dimension: paths.model.dimension))
          * paths.model.framesPerSecond)
    }
  }
}
