import Audio
import Conformer
import Decoding
import FeatureCodec
import TandemEdge

/// The ways from an utterance to a transcript, in one process: every exit, and the edge.
public struct Paths: Sendable {
  public let model: Model
  public let edge: EdgeRecognizer
  /// What the device's features go through on their way to the edge.
  public let codec: FeatureCodec

  /// - Throws: `ModelError`.
  public init(
    modelDirectory: String, beamWidth: Int = 4,
    decoder: ModelConfiguration.SecondPassDecoder? = nil, codec: FeatureCodec
  ) throws {
    model = try Model.load(directory: modelDirectory, parts: .edge)
    edge = try EdgeRecognizer(model: model, beamWidth: beamWidth, decoder: decoder)
    self.codec = codec
  }

  /// The whole first pass. `piece` milliseconds of audio at a time, or all at once with nil.
  public func encode(_ samples: [Float], piece: Int? = nil) -> UtteranceEncoder {
    let encoder = UtteranceEncoder(model: model, depth: model.blockCount)
    if let piece {
      let size = max(1, piece * AudioReader.sampleRate / 1_000)
      for start in stride(from: 0, to: samples.count, by: size) {
        encoder.append(samples: samples[start..<min(start + size, samples.count)])
      }
    } else {
      encoder.append(samples: samples)
    }
    encoder.finish()
    return encoder
  }

  /// Exit `number` (from 1) with greedy search.
  public func exit(_ number: Int, of encoder: UtteranceEncoder) -> CTCSearch.Result {
    CTCSearch.greedy(encoder.logPosteriors(exit: number - 1), vocabulary: model.vocabulary)
  }

  /// What the edge answers when `encoder`'s features at `splitLayer` are shipped through the codec in
  /// packets of eight frames.
  public func edge(_ encoder: UtteranceEncoder, splitLayer: Int) throws -> Hypothesis {
    try edge(encoder, splitLayer: splitLayer, codec: codec)
  }

  /// The same through another codec.
  public func edge(_ encoder: UtteranceEncoder, splitLayer: Int, codec: FeatureCodec) throws
    -> Hypothesis
  {
    let d = model.dimension
    var packetiser = try Packetiser(
      encoder: FeatureEncoder(codec: codec, dimension: d), framesPerPacket: 8)
    let decoder = FeatureDecoder(codec: codec)
    let far = edge.makeEncoder(splitLayer: splitLayer)
    var packets = try packetiser.append(encoder.frames(at: splitLayer))
    if let last = try packetiser.finish() { packets.append(last) }
    for packet in packets {
      far.append(
        features: try decoder.decode(packet.payload, frames: packet.frameCount, dimension: d))
    }
    return try edge.recognize(far)
  }

  /// The same without any split: what the edge's decoder makes of the device's own last layer.
  public func unsplit(_ encoder: UtteranceEncoder) throws -> Hypothesis {
    try edge.recognize(encoder)
  }
}
