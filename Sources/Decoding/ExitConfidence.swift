import Foundation

/// How probable it is that an exit's transcript is right, word for word: `confidence.json` in the model's folder.
///
/// One logistic regression an exit over what its search says (`ConfidenceFeature`), fitted on dev data by
/// `tandem-evaluate fit-confidence`. The controller only reads the probability that comes out.
/// Not part of the model's fingerprint: device and edge need not have the same.
public struct ExitConfidence: Hashable, Codable, Sendable {
  /// The newest version that this code reads and the one that it writes.
  public static let currentVersion = 1
  public static let fileName = "confidence.json"

  /// One exit's regression: ln(p / (1 - p)) = intercept + Σ weight · feature.
  public struct Exit: Hashable, Codable, Sendable {
    /// The exit's number, from 1.
    public var exit: Int
    public var intercept: Double
    /// By feature; one that is not there weighs nothing.
    public var weights: [String: Double]
    /// Utterances it was fitted on, and how many of their transcripts were right.
    public var utterances: Int
    public var right: Int
    /// Expected calibration error on utterances that the fit had not seen (Naeini et al. 2015): the mean distance, over
    /// equally filled bins, of the predicted probability from the share that was right.
    public var calibrationError: Double

    public init(
      exit: Int, intercept: Double, weights: [String: Double], utterances: Int, right: Int,
      calibrationError: Double
    ) {
      self.exit = exit
      self.intercept = intercept
      self.weights = weights
      self.utterances = utterances
      self.right = right
      self.calibrationError = calibrationError
    }
  }

  public var version: Int
  /// The data it was fitted on.
  public var manifest: String
  public var exits: [Exit]

  public init(manifest: String, exits: [Exit]) {
    version = Self.currentVersion
    self.manifest = manifest
    self.exits = exits
  }

  /// Nothing was fitted: no exit has a probability.
  public static let empty = ExitConfidence(manifest: "", exits: [])

  /// The probability that the transcript is right, in [0, 1]; nil for an exit without a regression.
  ///
  /// - Parameters:
  ///   - exit: its number, from 1.
  ///   - features: in the order of `ConfidenceFeature.allCases`.
  public func probability(exit: Int, features: [Double]) -> Double? {
    guard let fitted = exits.first(where: { $0.exit == exit }) else { return nil }
    var score = fitted.intercept
    for (feature, value) in zip(ConfidenceFeature.allCases, features) {
      score += (fitted.weights[feature.rawValue] ?? 0) * value
    }
    return score.isFinite ? 1 / (1 + exp(-score)) : nil
  }

  /// Reads `confidence.json` of a model's folder; `empty` where there is none.
  /// - Throws: `ExitConfidenceError`.
  public static func load(directory: String) throws(ExitConfidenceError) -> ExitConfidence {
    let path = directory + "/" + fileName
    guard FileManager.default.fileExists(atPath: path) else { return .empty }
    do {
      return try ExitConfidence(json: Data(contentsOf: URL(fileURLWithPath: path)), path: path)
    } catch let error as ExitConfidenceError {
      throw error
    } catch {
      throw .unreadable(path: path, reason: "\(error)")
    }
  }

  /// - Throws: `ExitConfidenceError` for other versions, unknown features and numbers that are not finite.
  public init(json: Data, path: String = fileName) throws(ExitConfidenceError) {
    struct Header: Decodable { var version: Int }
    let content: ExitConfidence
    do {
      let found = try JSONDecoder().decode(Header.self, from: json).version
      guard found == Self.currentVersion else {
        throw ExitConfidenceError.otherVersion(path: path, found: found)
      }
      content = try JSONDecoder().decode(ExitConfidence.self, from: json)
    } catch let error as ExitConfidenceError {
      throw error
    } catch {
      throw .unreadable(path: path, reason: "\(error)")
    }
    for exit in content.exits {
      if let unknown = exit.weights.keys.sorted().first(where: {
        ConfidenceFeature(rawValue: $0) == nil
      }) {
        throw .badExit(path: path, exit: exit.exit, reason: "'\(unknown)' is no feature")
      }
      guard exit.exit >= 1, content.exits.count(where: { $0.exit == exit.exit }) == 1 else {
        throw .badExit(
          path: path, exit: exit.exit, reason: "exits are counted from 1, each at most once")
      }
    }
    self = content
  }

  /// The file's bytes: sorted keys, one value a line, so that versions can be compared.
  public func json() -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    // Only finite numbers and strings, which always encode.
    return (try? encoder.encode(self)) ?? Data()
  }
}

/// What is wrong with a `confidence.json`.
public enum ExitConfidenceError: Error, Equatable, CustomStringConvertible {
  case otherVersion(path: String, found: Int)
  case unreadable(path: String, reason: String)
  case badExit(path: String, exit: Int, reason: String)

  public var description: String {
    let remedy = "fit it again with 'tandem-evaluate fit-confidence --write', or remove the file"
    switch self {
    case .otherVersion(let path, let found):
      return
        "\(path): version \(found), but this program reads version \(ExitConfidence.currentVersion); \(remedy)"
    case .unreadable(let path, let reason): return "\(path) cannot be read: \(reason); \(remedy)"
    case .badExit(let path, let exit, let reason):
      return "\(path): exit \(exit): \(reason); \(remedy)"
    }
  }
}
