import Basics
import Foundation
import Tensors

/// A file that model.json names and vouches for.
public struct ModelFile: Codable, Sendable, Equatable {
  /// A plain name in the model's folder.
  public var file: String
  /// Of its bytes, in hexadecimal.
  public var sha256: String

  public init(file: String, sha256: String) {
    self.file = file
    self.sha256 = sha256
  }

  /// Whether the name leads nowhere but into the folder.
  package var isPlain: Bool { !file.isEmpty && !file.contains("/") && !file.hasPrefix(".") }
}

/// A model's folder: reads what model.json names and verifies each digest.
package struct ModelFolder: Sendable {
  package static let configurationName = "model.json"
  package let path: String

  package init(_ path: String) { self.path = path }

  /// model.json: its bytes, and their SHA-256, which is the model's fingerprint.
  package func configuration() throws(ModelError) -> (bytes: Data, fingerprint: String) {
    let bytes = try read(Self.configurationName, limit: 1 << 20)
    return (bytes, SHA256.hash(of: bytes).hexadecimal)
  }

  /// Decodes a part of model.json.
  package func decode<Value: Decodable>(_ type: Value.Type, from bytes: Data) throws(ModelError)
    -> Value
  {
    do {
      return try JSONDecoder().decode(type, from: bytes)
    } catch {
      throw .badConfiguration(
        path: path(of: Self.configurationName), reason: Self.explain(error))
    }
  }

  package func path(of name: String) -> String { path + "/" + name }

  /// The bytes of a file that model.json names.
  package func data(_ file: ModelFile, limit: Int = 16 << 20) throws(ModelError) -> Data {
    let bytes = try read(file.file, limit: limit)
    try verify(bytes, file)
    return bytes
  }

  /// The weights of a file that model.json names.
  package func weights(_ file: ModelFile) throws(ModelError) -> WeightsReader {
    let path = try verifiedPath(file)
    do {
      return WeightsReader(file: try SafetensorsFile(path: path))
    } catch {
      throw .weights(error.description)
    }
  }

  /// The path of a file of any size that model.json names, its digest verified.
  package func verifiedPath(_ file: ModelFile) throws(ModelError) -> String {
    let path = path(of: file.file)
    guard FileManager.default.fileExists(atPath: path) else { throw .missingFile(path: path) }
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
    } catch {
      throw .unreadable(path: path, reason: "\(error.localizedDescription)")
    }
    try verify(data, file)
    return path
  }

  private func verify(_ bytes: Data, _ file: ModelFile) throws(ModelError) {
    let found = SHA256.hash(of: bytes).hexadecimal
    guard found == file.sha256.lowercased() else {
      throw .digestMismatch(path: path(of: file.file), expected: file.sha256, found: found)
    }
  }

  private func read(_ name: String, limit: Int) throws(ModelError) -> Data {
    let path = path(of: name)
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else {
      throw .missingFile(path: path)
    }
    if let size = attributes[.size] as? Int, size > limit {
      throw .unreadable(path: path, reason: "it has \(size) bytes; at most \(limit) are read")
    }
    do {
      return try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw .unreadable(path: path, reason: "\(error.localizedDescription)")
    }
  }

  private static func explain(_ error: any Error) -> String {
    func place(_ path: [any CodingKey]) -> String {
      path.isEmpty ? "the top level" : path.map(\.stringValue).joined(separator: ".")
    }
    switch error as? DecodingError {
    case .keyNotFound(let key, let context):
      return "the key \(key.stringValue) is missing at \(place(context.codingPath))"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      return "the value at \(place(context.codingPath)) has the wrong type"
    case .dataCorrupted(let context):
      return "it is not valid JSON, or the value at \(place(context.codingPath)) is unknown"
    default:
      return "it cannot be read"
    }
  }
}
