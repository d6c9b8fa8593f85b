/// What can be wrong with a model folder, each with the place and the remedy.
public enum ModelError: Error, CustomStringConvertible, Equatable {
  case missingFile(path: String)
  case unreadable(path: String, reason: String)
  case badConfiguration(path: String, reason: String)
  case badVocabulary(path: String, reason: String)
  case digestMismatch(path: String, expected: String, found: String)
  case deviceOnly(path: String)
  case weights(String)

  public var description: String {
    switch self {
    case .missingFile(let path):
      "model file \(path) is missing. Give a model folder, such as Models/english, with --model."
    case .unreadable(let path, let reason):
      "model file \(path) cannot be read: \(reason)."
    case .badConfiguration(let path, let reason):
      "model file \(path): \(reason). See docs/model-format.md, and export the model again."
    case .badVocabulary(let path, let reason):
      "vocabulary \(path): \(reason). Export the model again."
    case .digestMismatch(let path, let expected, let found):
      "model file \(path) is truncated or changed: its SHA-256 is \(found), model.json says \(expected). Fetch or export the model again."
    case .deviceOnly(let path):
      "the model in \(path) has no second pass (secondEncoder and transducer are null), so an edge cannot serve it."
    case .weights(let message):
      message
    }
  }
}
