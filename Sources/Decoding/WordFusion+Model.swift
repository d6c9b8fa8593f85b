import Conformer

extension WordFusion {
  /// Language model and lexicon for a model's vocabulary; nil where there is neither, so that nothing is to be asked.
  ///
  /// - Parameters:
  ///   - side: nil for no language model; one that the model lacks is no language model either.
  ///   - weights: nil takes what was tuned for this model, head and language model.
  /// - Throws: `ModelError`, `LanguageModelError`, `DecodingSettingsError`.
  public static func make(
    model: Model, side: Model.LanguageModelSide?, lexicon: Lexicon? = nil,
    decoder: ModelConfiguration.SecondPassDecoder, weights: SearchWeights? = nil
  ) throws -> WordFusion? {
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
      vocabulary: model.vocabulary, languageModel: languageModel, lexicon: lexicon,
      weights: tuned ?? SearchWeights())
  }
}
