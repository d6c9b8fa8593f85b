import Conformer
import Decoding
import Models
import Whisper

/// The edge's half of an utterance, in process: from the features of a split layer to a transcript.
///
/// Synchronous: call it on an inference thread (`InferencePool`). `EdgeService` puts it on the wire,
/// `tandem-evaluate` calls it directly.
public struct EdgeRecognizer: Sendable {
  public let model: any SpeechModel
  /// Hypotheses that the beam search keeps; 1 means greedy search.
  public let beamWidth: Int
  /// nil for a model whose second pass has but one.
  public let decoder: ModelConfiguration.SecondPassDecoder?
  private let second: SecondPassRecognizer
  private let fusion: WordFusion?
  /// The language model in use; nil where there is none.
  public let languageModel: LanguageModelSide?

  /// - Parameters:
  ///   - decoder: nil takes the model's own choice.
  ///   - languageModel: ignored where the model has none; nil for none.
  ///   - lexicon: nil allows every word.
  ///   - weights: nil takes what was tuned for the model.
  ///   - language: what is spoken, for a model that knows several; nil takes what model.json says.
  /// - Throws: `ModelError.deviceOnly` when the model was loaded without its second pass; `ModelError`, `LanguageModelError`
  ///   and `DecodingSettingsError` when one of its files is not as it should be.
  public init(
    model: any SpeechModel, beamWidth: Int, decoder: ModelConfiguration.SecondPassDecoder? = nil,
    languageModel: LanguageModelSide? = .edge, lexicon: Lexicon? = nil,
    weights: SearchWeights? = nil, language: String? = nil
  ) throws {
    self.model = model
    self.beamWidth = max(1, beamWidth)
    if let whisper = model as? WhisperModel {
      _ = try whisper.edgePart()
      try whisper.check(language: language)
      var options = DecoderSearch.Options()
      options.beamWidth = self.beamWidth
      options.language = language
      second = .whisper(whisper, options)
      fusion = nil
      self.languageModel = nil
      self.decoder = nil
      return
    }
    guard let model = model as? Model else { throw ModelError.deviceOnly(path: model.directory) }
    let decoder = decoder ?? model.configuration.secondEncoder?.decoder ?? .transducer
    let fusion = try WordFusion.make(
      model: model, side: languageModel, lexicon: lexicon, decoder: decoder, weights: weights)
    self.decoder = decoder
    self.languageModel = (fusion?.hasLanguageModel ?? false) ? languageModel : nil
    self.fusion = fusion
    let tuned = try DecodingSettings.load(directory: model.directory)
    second = .conformer(
      model,
      try SecondPassSearch(
        model: model, decoder: decoder, beamWidth: beamWidth, fusion: fusion,
        candidateWeights: tuned.entry(languageModel: self.languageModel, decoder: decoder)?
          .candidateWeights))
  }

  /// Such as "ctc-beam-4", "ctc-beam-8-edge-lm", "transducer-greedy", "whisper-greedy".
  public var decoderName: String {
    var name = decoder?.rawValue ?? WhisperConfiguration.familyName
    name += beamWidth == 1 && fusion == nil ? "-greedy" : "-beam-\(beamWidth)"
    if let languageModel { name += "-\(languageModel.rawValue)-lm" }
    if fusion?.isConstrained == true { name += "-lexicon" }
    return name
  }

  /// Runs what comes after `splitLayer` on whatever has arrived, as far as the model can before the end.
  ///
  /// - Throws: `ModelError.deviceOnly` when the model was loaded without its second pass.
  public func makeEncoder(splitLayer: Int) throws(ModelError) -> any SpeechEncoder {
    try second.makeEncoder(splitLayer: splitLayer)
  }

  /// Second pass over a finished first pass: this recognizer's encoder, or the device's own that has come to its last block.
  ///
  /// - Throws: `CancellationError` when `isCancelled` says so between layers, frames or tokens.
  public func recognize(
    _ encoder: any SpeechEncoder, isCancelled: () -> Bool = { false }
  ) throws -> Hypothesis {
    try second.recognize(encoder, isCancelled: isCancelled)
  }

  /// Features `[n, dimension]` of `splitLayer` to a transcript, whole.
  public func recognize(
    features: [Float], splitLayer: Int, isCancelled: () -> Bool = { false }
  ) throws -> Hypothesis {
    let encoder = try makeEncoder(splitLayer: splitLayer)
    encoder.append(features: features)
    return try recognize(encoder, isCancelled: isCancelled)
  }
}
