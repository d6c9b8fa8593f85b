import Audio
import Conformer
import Decoding
import FeatureCodec
import Models
import Offload
import Simulation
import TandemDevice

/// `tandem-evaluate profile`: what the real system does with every utterance of a manifest, at every exit,
/// through every split layer and codec, and with Opus to a server that has the whole model: the simulator's
/// ground truth.
///
/// Every lossy (split layer, codec) is encoded, decoded and recognised. A lossless codec's transcript is the
/// unsplit one's wherever the split lies (`SplitTests` and `tandem-evaluate split --codec lossless` hold the code to that),
/// so it is made once an utterance.
public struct SystemProfile: Sendable {
  public let profile: Profile

  /// - Parameters:
  ///   - name: of the data, kept in the header with the model's fingerprint.
  ///   - channels: how a client without a model sends audio.
  public init(
    manifest: Manifest, name: String, paths: Paths, limit: Int? = nil,
    channels: [OpusChannel] = OpusChannel.baselines, threads: Int,
    progress: (@Sendable (Int) -> Void)? = nil
  ) throws {
    let model = paths.model
    let items = limit.map { Array(manifest.items.prefix($0)) } ?? manifest.items
    let layers = Array(0...model.blockCount)
    let utterances = try inParallel(items.count, threads: threads, progress: progress) {
      index -> ProfiledUtterance in
      let item = items[index]
      let samples = try AudioReader.readAll(path: item.path)
      let (encoder, prefixes) = Self.encode(samples, paths: paths)
      func errors(_ text: String) -> Int {
        WordErrors(reference: item.text, hypothesis: text).errors
      }
      let exits = paths.exits(of: encoder).map { said in
        ProfiledUtterance.Exit(
          evidence: said.evidence, wordErrors: errors(said.text), transcript: said.text)
      }
      let whole = try paths.unsplit(encoder).text
      let edge = try layers.flatMap { layer in
        try FeatureCodec.table.map { codec in
          let text =
            codec.isLossless
            ? whole : try paths.edge(encoder, splitLayer: layer, codec: codec).text
          return ProfiledUtterance.Edge(
            splitLayer: layer, codec: codec.index,
            bytes: encoder.frameCount(at: layer) * codec.bytesPerFrame(dimension: model.dimension),
            wordErrors: errors(text), transcript: text)
        }
      }
      let baselines = try channels.map { channel in
        let received = try channel.send(samples)
        let text = try paths.unsplit(paths.encode(received.samples)).text
        return ProfiledUtterance.Baseline(
          name: channel.name, bytes: received.bytes, wordErrors: errors(text), transcript: text)
      }
      return ProfiledUtterance(
        id: item.name, seconds: Double(samples.count) / Double(AudioReader.sampleRate),
        referenceWords: SpokenWords.words(item.text).count,
        signalToNoise: SignalToNoise.estimate(samples), exits: exits, edge: edge,
        baselines: baselines, prefixes: prefixes)
    }
    profile = try Profile(
      header: ProfileHeader(
        source:
          "\(model.name) \(model.fingerprint), \(paths.edgeDecoderName ?? "no edge"), \(name)",
        shape: ModelShape(model), dimension: model.dimension, splitLayers: layers,
        codecs: FeatureCodec.table.map(\.index), baselines: channels.map(\.name),
        prefixSeconds: Double(Self.prefixMilliseconds) / 1_000,
        chunkFrames: model.chunkFrames),
      utterances: utterances)
  }

  /// How often a device looks at what its exits say while the user speaks.
  public static let prefixMilliseconds = 320

  /// The whole first pass, fed as a microphone feeds it, and what the exits said on the way. How audio is cut
  /// changes no result (`SplitTests`).
  private static func encode(
    _ samples: [Float], paths: Paths
  ) -> (any SpeechEncoder, [ProfiledUtterance.Prefix]) {
    let model = paths.model
    let encoder = model.makeEncoder(firstLayer: 0, depth: model.blockCount)
    let size = prefixMilliseconds * AudioReader.sampleRate / 1_000
    var prefixes: [ProfiledUtterance.Prefix] = []
    for start in stride(from: 0, to: samples.count, by: size) {
      let end = min(start + size, samples.count)
      encoder.append(samples: samples[start..<end])
      guard end < samples.count else { break }
      let exits = paths.exits(of: encoder).map(\.evidence)
      prefixes.append(
        .init(
          seconds: Double(end) / Double(AudioReader.sampleRate),
          exits: exits.filter { $0.frameCount > 0 }))
    }
    encoder.finish()
    return (encoder, prefixes)
  }
}
