import Models

extension Model {
  public typealias LanguageModelSide = Models.LanguageModelSide

  /// The path of a language model that model.json names, its digest verified; nil where the model has none.
  ///
  /// - Throws: `ModelError` when the file is missing or not the one that model.json vouches for.
  public func languageModelPath(_ side: LanguageModelSide) throws(ModelError) -> String? {
    let models = configuration.languageModels
    guard let file = side == .edge ? models?.edge : models?.device else { return nil }
    return try ModelFolder(directory).verifiedPath(file)
  }
}
