import Conformer
import Decoding

/// The edge's half of an utterance, in process: from the features of a split layer to a transcript.
///
/// Synchronous: call it on an inference thread (`InferencePool`). `EdgeService` puts it on the wire,
/// `tandem-evaluate` calls it directly.
public struct EdgeRecognizer: Sendable {
  public let model: Model
  /// Paths that the transducer's beam search keeps; 1 means greedy search.
  public let beamWidth: Int
  private let search: TransducerSearch

  /// - Throws: `ModelError.deviceOnly` when the model was loaded without its second pass.
  public init(model: Model, beamWidth: Int) throws(ModelError) {
    self.model = model
    self.beamWidth = max(1, beamWidth)
    search = try TransducerSearch(model: model)
  }

  /// Such as "transducer-beam-4".
  public var decoderName: String {
    beamWidth == 1 ? "transducer-greedy" : "transducer-beam-\(beamWidth)"
  }

  /// Runs blocks `splitLayer + 1`… on whatever has arrived; chunk by chunk, so that packets can be
  /// computed as they come.
  public func makeEncoder(splitLayer: Int) -> UtteranceEncoder {
    UtteranceEncoder(model: model, firstLayer: splitLayer, depth: model.blockCount)
  }

  /// Second encoder and transducer over a finished first pass.
  ///
  /// - Throws: `CancellationError` when `isCancelled` says so between frames.
  public func recognize(
    _ encoder: UtteranceEncoder, isCancelled: () -> Bool = { false }
  ) throws -> Hypothesis {
    encoder.finish()
    if isCancelled() { throw CancellationError() }
    let second = try model.secondPass(encoder.frames(at: model.blockCount))
    if isCancelled() { throw CancellationError() }
    if beamWidth == 1 { return search.greedy(second) }
    let best = search.beam(second, width: beamWidth, isCancelled: isCancelled).first
    if isCancelled() { throw CancellationError() }
    return best ?? Hypothesis(tokens: [], text: "", logProbability: 0)
  }

  /// Features `[n, dimension]` of `splitLayer` to a transcript, whole.
  public func recognize(
    features: [Float], splitLayer: Int, isCancelled: () -> Bool = { false }
  ) throws -> Hypothesis {
    let encoder = makeEncoder(splitLayer: splitLayer)
    encoder.append(features: features)
    return try recognize(encoder, isCancelled: isCancelled)
  }
}
