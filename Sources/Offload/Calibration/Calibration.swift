import Foundation

/// How far each exit can be trusted, fitted on dev data: `calibration.json` in the model's folder.
///
/// Not part of the model's fingerprint: device and edge need not have the same.
public struct Calibration: Hashable, Codable, Sendable {
  /// The newest version that this code reads and the one that it writes.
  ///
  /// Version 2 knows more criteria than `frameEntropy` and `sentencePosterior`.
  public static let currentVersion = 2
  /// The file's name in a model's folder.
  public static let fileName = "calibration.json"

  public var version: Int
  public var entries: [CalibrationEntry]

  public init(entries: [CalibrationEntry]) {
    version = Self.currentVersion
    self.entries = entries
  }

  /// No exit has a threshold: nothing is ever confident.
  public static let empty = Calibration(entries: [])

  /// What was fitted for an exit (numbered from 1) under a criterion; nil if nothing was.
  public func entry(exit: Int, criterion: ConfidenceCriterion) -> CalibrationEntry? {
    entries.first { $0.exit == exit && $0.criterion == criterion }
  }

  /// Whether an exit is sure enough by its threshold; never without one.
  public func accepts(_ evidence: ExitEvidence, criterion: ConfidenceCriterion) -> Bool {
    accepts(evidence.confidence(criterion), exit: evidence.exit, criterion: criterion)
  }

  /// The same for a confidence in the criterion's own units.
  func accepts(_ confidence: Double, exit: Int, criterion: ConfidenceCriterion) -> Bool {
    guard let threshold = entry(exit: exit, criterion: criterion)?.threshold else { return false }
    return criterion.accepts(confidence, threshold: threshold)
  }

  /// Reads `calibration.json`.
  /// - Parameters:
  ///   - json: the file's bytes.
  ///   - path: the file's name, for errors.
  /// - Throws: `CalibrationError`.
  public init(json: Data, path: String = Calibration.fileName) throws(CalibrationError) {
    struct Header: Decodable { var version: Int }
    do {
      let found = try JSONDecoder().decode(Header.self, from: json).version
      guard (1...Self.currentVersion).contains(found) else {
        throw CalibrationError.newerVersion(path: path, found: found)
      }
      self = try JSONDecoder().decode(Calibration.self, from: json)
    } catch let error as CalibrationError {
      throw error
    } catch {
      throw .unreadable(path: path, reason: Self.explain(error))
    }
    try check(path: path)
  }

  /// The file's bytes: sorted keys, one value a line, so that versions can be compared.
  public func json() -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    // A calibration holds only finite numbers and strings, which always encode.
    return (try? encoder.encode(self)) ?? Data()
  }

  private func check(path: String) throws(CalibrationError) {
    var seen: Set<String> = []
    for entry in entries {
      let place = "exit \(entry.exit), \(entry.criterion.rawValue)"
      guard entry.exit >= 1, entry.afterBlock >= 0 else {
        throw .badEntry(path: path, place: place, reason: "exits are counted from 1")
      }
      guard seen.insert(place).inserted else {
        throw .badEntry(path: path, place: place, reason: "it stands there twice")
      }
      for curve in [entry.errorRate, entry.nextExitErrorRate, entry.edgeErrorRate] {
        guard curve.isMonotone(criterion: entry.criterion) else {
          throw .badEntry(path: path, place: place, reason: "an error-rate curve is not monotone")
        }
      }
      for (classes, later) in [
        (entry.classes, following(entry)?.classes),
        (entry.short?.classes, following(entry)?.short?.classes),
        (entry.long?.classes, following(entry)?.long?.classes),
      ] {
        guard classes?.isSound(criterion: entry.criterion, following: later?.count) != false else {
          throw .badEntry(
            path: path, place: place, reason: "the classes of confidence do not fit one another")
        }
      }
      for curves in [entry.short, entry.long] {
        guard let curves else { continue }
        for curve in [curves.errorRate, curves.nextExitErrorRate, curves.edgeErrorRate] {
          guard curve.isMonotone(criterion: entry.criterion) else {
            throw .badEntry(
              path: path, place: place, reason: "a curve for one length is not monotone")
          }
        }
      }
    }
  }

  /// The same criterion's entry for the exit after this one.
  private func following(_ entry: CalibrationEntry) -> CalibrationEntry? {
    entries.filter { $0.criterion == entry.criterion && $0.exit > entry.exit }
      .min { $0.exit < $1.exit }
  }

  private static func explain(_ error: any Error) -> String {
    guard let error = error as? DecodingError else { return "\(error)" }
    func place(_ context: DecodingError.Context) -> String {
      let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
      return path.isEmpty ? "the file" : path.joined(separator: ".")
    }
    switch error {
    case .keyNotFound(let key, let context): return "\(place(context)) lacks '\(key.stringValue)'"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      return "\(place(context)): \(context.debugDescription)"
    case .dataCorrupted(let context): return "\(place(context)): \(context.debugDescription)"
    @unknown default: return "\(error)"
    }
  }
}
