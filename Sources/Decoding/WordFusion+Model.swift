import Conformer
import Models

extension WordFusion {
  /// Language model and lexicon for a model's vocabulary; nil where there is neither, so that nothing is to be asked.
  ///
  /// - Parameters:
  ///   - side: nil for no language model; one that the model lacks is no language model either.
  ///   - weights: nil takes what was tuned for this model, head and language model.
  /// A model without CTC heads, whose decoder spells by itself, has none.
  ///
  /// - Throws: `ModelError`, `LanguageModelError`, `DecodingSettingsError`.
  public static func make(
    model: any SpeechModel, side: LanguageModelSide?, lexicon: Lexicon? = nil,
    decoder: ModelConfiguration.SecondPassDecoder, weights: SearchWeights? = nil
  ) throws -> WordFusion? {
    guard let vocabulary = model.exitVocabulary else { return nil }
    var languageModel: LanguageModel?
    if let side, let path = try model.languageModelPath(side) {
      languageModel = try LanguageModel(path: path)
    }
    guard languageModel != nil || lexicon != nil else { return nil }
    let tuned =
      try weights
      ?? DecodingSettings.load(directory: model.directory).weights(
        languageModel: languageModel == nil ? nil : side, decoder: decoder)
    return WordFusion(
      vocabulary: vocabulary, languageModel: languageModel, lexicon: lexicon,
      weights: tuned ?? SearchWeights())
  }
}
