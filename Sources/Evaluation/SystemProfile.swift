import Audio
import Conformer
import Decoding
import FeatureCodec
import Offload
import Simulation
import TandemDevice

/// `tandem-evaluate profile`: what the real system does with every utterance of a manifest, at every exit
/// and through every split layer and codec: the simulator's ground truth.
///
/// Opus to a full server, which issue 10 names as a baseline, is not profiled yet: `baselines` is empty.
public struct SystemProfile: Sendable {
  public let profile: Profile

  /// - Parameter name: of the data, kept in the header with the model's fingerprint.
  public init(
    manifest: Manifest, name: String, paths: Paths, limit: Int? = nil, threads: Int,
    progress: (@Sendable (Int) -> Void)? = nil
  ) throws {
    let model = paths.model
    let items = limit.map { Array(manifest.items.prefix($0)) } ?? manifest.items
    let layers = Array(0...model.blockCount)
    let utterances = try inParallel(items.count, threads: threads, progress: progress) {
      index -> ProfiledUtterance in
      let item = items[index]
      let samples = try AudioReader.readAll(path: item.path)
      let encoder = paths.encode(samples)
      func errors(_ text: String) -> Int {
        WordErrors(reference: item.text, hypothesis: text).errors
      }
      let exits = (1...model.exitCount).map { number in
        let result = paths.exit(number, of: encoder)
        return ProfiledUtterance.Exit(
          evidence: ExitEvidence(
            exit: number, afterBlock: model.configuration.encoder.exits[number - 1].afterBlock,
            frameEntropy: result.frameEntropy, sentencePosterior: result.sentencePosterior,
            tokenCount: result.hypothesis.tokens.count, frameCount: result.frames),
          wordErrors: errors(result.hypothesis.text))
      }
      var edge: [ProfiledUtterance.Edge] = []
      for layer in layers {
        for codec in FeatureCodec.table {
          let hypothesis = try paths.edge(encoder, splitLayer: layer, codec: codec)
          edge.append(
            ProfiledUtterance.Edge(
              splitLayer: layer, codec: codec.index,
              bytes: encoder.frameCount(at: layer)
                * codec.bytesPerFrame(dimension: model.dimension),
              wordErrors: errors(hypothesis.text)))
        }
      }
      return ProfiledUtterance(
        id: item.name, seconds: Double(samples.count) / Double(AudioReader.sampleRate),
        referenceWords: item.text.split(separator: " ").count,
        signalToNoise: SignalToNoise.estimate(samples), exits: exits, edge: edge)
    }
    profile = try Profile(
      header: ProfileHeader(
        source:
          "\(model.configuration.name) \(model.fingerprint), \(paths.edge.decoderName), \(name)",
        shape: ModelShape(model), dimension: model.dimension, splitLayers: layers,
        codecs: FeatureCodec.table.map(\.index)),
      utterances: utterances)
  }
}
