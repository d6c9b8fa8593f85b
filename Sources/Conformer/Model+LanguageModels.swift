import Basics
import Foundation

extension Model {
  /// Which of a model's language models.
  public enum LanguageModelSide: String, Sendable, CaseIterable {
    case edge
    /// The smaller one.
    case device
  }

  /// The path of a language model that model.json names, its digest verified; nil where the model has none.
  ///
  /// - Throws: `ModelError` when the file is missing or not the one that model.json vouches for.
  public func languageModelPath(_ side: LanguageModelSide) throws(ModelError) -> String? {
    let models = configuration.languageModels
    guard let file = side == .edge ? models?.edge : models?.device else { return nil }
    let path = directory + "/" + file.file
    guard FileManager.default.fileExists(atPath: path) else { throw .missingFile(path: path) }
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
    } catch {
      throw .unreadable(path: path, reason: "\(error.localizedDescription)")
    }
    let found = SHA256.hash(of: data).hexadecimal
    guard found == file.sha256.lowercased() else {
      throw .digestMismatch(path: path, expected: file.sha256, found: found)
    }
    return path
  }
}
