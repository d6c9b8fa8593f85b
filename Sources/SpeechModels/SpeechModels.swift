import Conformer
import Models
import Whisper

/// Loads a model of either family: model.json says which.
///
/// ```swift
/// let model = try SpeechModels.load(directory: "Models/english", parts: .device)
/// ```
public enum SpeechModels {
  private struct Family: Decodable {
    /// The Conformer's model.json, which is older, does not name its family.
    var family: String?
  }

  /// Loads and checks a model folder.
  ///
  /// - Parameter options: how windows are laid, for a model that hears windows.
  /// - Throws: `ModelError` naming the missing, misshapen, non-finite, changed or unknown thing.
  public static func load(
    directory: String, parts: ModelParts, options: WhisperOptions = WhisperOptions()
  ) throws(ModelError) -> any SpeechModel {
    let folder = ModelFolder(directory)
    switch try folder.decode(Family.self, from: folder.configuration().bytes).family {
    case nil, "conformer": return try Model.load(directory: directory, parts: parts)
    case WhisperConfiguration.familyName:
      return try WhisperModel.load(directory: directory, parts: parts, options: options)
    case let other?:
      throw .badConfiguration(
        path: folder.path(of: ModelFolder.configurationName),
        reason:
          "family is \"\(other.prefix(40))\"; this program knows conformer and \(WhisperConfiguration.familyName)"
      )
    }
  }
}
