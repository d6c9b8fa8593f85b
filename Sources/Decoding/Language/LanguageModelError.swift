/// What can be wrong with a language-model file, each with the file and the remedy.
public enum LanguageModelError: Error, CustomStringConvertible, Equatable {
  case unreadable(path: String, reason: String)
  case malformed(path: String, reason: String)

  public var description: String {
    switch self {
    case .unreadable(let path, let reason):
      "language model \(path) cannot be read: \(reason). Check the model folder, or fetch the model again."
    case .malformed(let path, let reason):
      "language model \(path): \(reason). See docs/model-format.md, and build it again with python -m tandem_training language-model."
    }
  }
}
