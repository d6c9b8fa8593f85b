import Conformer
import Decoding

/// The edge's half of an utterance, in process: from the features of a split layer to a transcript.
///
/// Synchronous: call it on an inference thread (`InferencePool`). `EdgeService` puts it on the wire,
/// `tandem-evaluate` calls it directly.
public struct EdgeRecognizer: Sendable {
  public let model: Model
  /// Hypotheses that the beam search keeps; 1 means greedy search.
  public let beamWidth: Int
  public let decoder: ModelConfiguration.SecondPassDecoder
  private let search: TransducerSearch

  /// - Parameter decoder: nil takes the model's own choice.
  /// - Throws: `ModelError.deviceOnly` when the model was loaded without its second pass.
  public init(
    model: Model, beamWidth: Int, decoder: ModelConfiguration.SecondPassDecoder? = nil
  ) throws(ModelError) {
    self.model = model
    self.decoder = decoder ?? model.configuration.secondEncoder?.decoder ?? .transducer
    self.beamWidth = max(1, beamWidth)
    search = try TransducerSearch(model: model)
  }

  /// Such as "transducer-beam-4".
  public var decoderName: String {
    beamWidth == 1 ? "\(decoder.rawValue)-greedy" : "\(decoder.rawValue)-beam-\(beamWidth)"
  }

  /// Runs blocks `splitLayer + 1`… on whatever has arrived; chunk by chunk, so that packets can be
  /// computed as they come.
  public func makeEncoder(splitLayer: Int) -> UtteranceEncoder {
    UtteranceEncoder(model: model, firstLayer: splitLayer, depth: model.blockCount)
  }

  /// Second encoder and decoder over a finished first pass.
  ///
  /// - Throws: `CancellationError` when `isCancelled` says so between frames.
  public func recognize(
    _ encoder: UtteranceEncoder, isCancelled: () -> Bool = { false }
  ) throws -> Hypothesis {
    encoder.finish()
    if isCancelled() { throw CancellationError() }
    let second = try model.secondPass(encoder.frames(at: model.blockCount))
    if isCancelled() { throw CancellationError() }
    let best: Hypothesis?
    switch decoder {
    case .transducer where beamWidth == 1:
      best = search.greedy(second)
    case .transducer:
      best = search.beam(second, width: beamWidth, isCancelled: isCancelled).first
    case .ctc:
      let posteriors = try model.connectionistPosteriors(second)
      best =
        beamWidth == 1
        ? CTCSearch.greedy(posteriors, vocabulary: model.vocabulary).hypothesis
        : CTCSearch.beam(posteriors, vocabulary: model.vocabulary, beam: beamWidth).first
    }
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
