import Conformer
import Foundation

/// What was tuned on dev for decoding: `decoding.json` in the model's folder.
///
/// Outside the fingerprint, as thresholds are (docs/decisions/0002): weights can be tuned again without making every device a
/// stranger to its edge. Apart from calibration.json, because thresholds are fitted to what the edge answers with these weights.
public struct DecodingSettings: Codable, Sendable, Equatable {
  public static let fileName = "decoding.json"
  public static let currentVersion = 1

  /// Weights for one head with one language model.
  public struct Entry: Codable, Sendable, Equatable {
    /// "edge", "device" or "none".
    public var languageModel: String
    public var decoder: ModelConfiguration.SecondPassDecoder
    public var weights: SearchWeights
    /// By which `fused` found the candidates that `weights` rank; nil for the other heads.
    public var candidateWeights: SearchWeights?
    /// What they were tuned on, and what came out: errors a reference word with them.
    public var tunedOn: String
    public var beamWidth: Int
    public var wordErrorRate: Double

    public init(
      languageModel: String, decoder: ModelConfiguration.SecondPassDecoder, weights: SearchWeights,
      candidateWeights: SearchWeights? = nil, tunedOn: String, beamWidth: Int, wordErrorRate: Double
    ) {
      self.languageModel = languageModel
      self.decoder = decoder
      self.weights = weights
      self.candidateWeights = candidateWeights
      self.tunedOn = tunedOn
      self.beamWidth = beamWidth
      self.wordErrorRate = wordErrorRate
    }
  }

  public var version: Int
  public var entries: [Entry]

  public init(entries: [Entry] = []) {
    version = Self.currentVersion
    self.entries = entries
  }

  /// Reads a model folder's file; no file means nothing was tuned.
  ///
  /// - Throws: `DecodingSettingsError`.
  public static func load(directory: String) throws(DecodingSettingsError) -> DecodingSettings {
    let path = directory + "/" + fileName
    guard FileManager.default.fileExists(atPath: path) else { return DecodingSettings() }
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: path)) else {
      throw .unreadable(path: path, reason: "it cannot be opened")
    }
    let settings: DecodingSettings
    do {
      settings = try JSONDecoder().decode(DecodingSettings.self, from: data)
    } catch {
      throw .unreadable(path: path, reason: "it is not what tune-language-model writes")
    }
    guard settings.version == currentVersion else {
      throw .unreadable(
        path: path,
        reason: "it has version \(settings.version); this program reads version \(currentVersion)")
    }
    for weights in settings.entries.flatMap({ [$0.weights, $0.candidateWeights] }) {
      if let problem = weights?.problem { throw .unreadable(path: path, reason: problem) }
    }
    return settings
  }

  /// What was tuned for a head and a language model; nil if nothing was.
  public func entry(
    languageModel: Model.LanguageModelSide?, decoder: ModelConfiguration.SecondPassDecoder
  ) -> Entry? {
    let name = languageModel?.rawValue ?? "none"
    return entries.first { $0.languageModel == name && $0.decoder == decoder }
  }

  /// Its weights.
  public func weights(
    languageModel: Model.LanguageModelSide?, decoder: ModelConfiguration.SecondPassDecoder
  ) -> SearchWeights? {
    entry(languageModel: languageModel, decoder: decoder)?.weights
  }

  /// Replaces what was tuned for the same head and language model.
  public mutating func set(_ entry: Entry) {
    entries.removeAll { $0.languageModel == entry.languageModel && $0.decoder == entry.decoder }
    entries.append(entry)
    entries.sort {
      ($0.languageModel, $0.decoder.rawValue) < ($1.languageModel, $1.decoder.rawValue)
    }
  }

  /// The file's bytes: sorted keys, one value a line.
  public func json() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self)
  }
}

public enum DecodingSettingsError: Error, CustomStringConvertible, Equatable {
  case unreadable(path: String, reason: String)

  public var description: String {
    switch self {
    case .unreadable(let path, let reason):
      "\(path): \(reason). Delete it, or write it again with tandem-evaluate tune-language-model --write."
    }
  }
}
