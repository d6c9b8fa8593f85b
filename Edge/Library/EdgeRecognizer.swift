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
  private let search: SecondPassSearch
  /// The language model in use; nil where there is none.
  public let languageModel: Model.LanguageModelSide?

  /// - Parameters:
  ///   - decoder: nil takes the model's own choice.
  ///   - languageModel: ignored where the model has none; nil for none.
  ///   - lexicon: nil allows every word.
  ///   - weights: nil takes what was tuned for the model.
  /// - Throws: `ModelError.deviceOnly` when the model was loaded without its second pass; `ModelError`, `LanguageModelError`
  ///   and `DecodingSettingsError` when one of its files is not as it should be.
  public init(
    model: Model, beamWidth: Int, decoder: ModelConfiguration.SecondPassDecoder? = nil,
    languageModel: Model.LanguageModelSide? = .edge, lexicon: Lexicon? = nil,
    weights: SearchWeights? = nil
  ) throws {
    let decoder = decoder ?? model.configuration.secondEncoder?.decoder ?? .transducer
    let fusion = try WordFusion.make(
      model: model, side: languageModel, lexicon: lexicon, decoder: decoder, weights: weights)
    self.model = model
    self.decoder = decoder
    self.beamWidth = max(1, beamWidth)
    self.languageModel = (fusion?.hasLanguageModel ?? false) ? languageModel : nil
    let tuned = try DecodingSettings.load(directory: model.directory)
    search = try SecondPassSearch(
      model: model, decoder: decoder, beamWidth: beamWidth, fusion: fusion,
      candidateWeights: tuned.entry(languageModel: self.languageModel, decoder: decoder)?
        .candidateWeights)
  }

  /// Such as "ctc-beam-4", "ctc-beam-8-edge-lm", "transducer-greedy".
  public var decoderName: String {
    var name = decoder.rawValue
    name += beamWidth == 1 && search.fusion == nil ? "-greedy" : "-beam-\(beamWidth)"
    if let languageModel { name += "-\(languageModel.rawValue)-lm" }
    if search.fusion?.isConstrained == true { name += "-lexicon" }
    return name
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
    let found = try search.recognize(second, isCancelled: isCancelled)
    if isCancelled() { throw CancellationError() }
    return found.first ?? Hypothesis(tokens: [], text: "", logProbability: 0)
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
