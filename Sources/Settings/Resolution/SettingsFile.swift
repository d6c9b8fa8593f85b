import Basics
import Foundation
import Yams

/// A YAML file as a flat list of keys: nested mappings become names with dots.
public struct SettingsFile: Sendable {
  struct Entry: Sendable {
    var key: String
    var text: String
    var line: Int
  }

  /// The file's name, for errors.
  public let path: String
  let entries: [Entry]

  /// Reads the file at `path`.
  /// - Throws: `SettingsError.unreadableFile`, `malformedFile`, `duplicateKey` or `wrongType`.
  public init(path: String) throws(SettingsError) {
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw .unreadableFile(path: path, reason: Self.reason(error, path: path))
    }
    let text: String
    do {
      text = try TextLines.whole(data)
    } catch {
      throw .malformedFile(path: path, line: 1, reason: "\(error)")
    }
    try self.init(text: text, path: path)
  }

  /// Reads YAML from memory.
  public init(text: String, path: String) throws(SettingsError) {
    self.path = path
    let root: Node?
    do {
      root = try Yams.compose(yaml: text)
    } catch {
      throw Self.named(error, path: path)
    }
    var entries: [Entry] = []
    if let root, !Self.isEmpty(root) {
      guard case .mapping(let mapping) = root else {
        throw .malformedFile(
          path: path, line: root.mark?.line ?? 1, reason: "it must hold 'key: value' lines")
      }
      try Self.flatten(mapping, prefix: "", path: path, into: &entries)
    }
    var seen: Set<String> = []
    for entry in entries where !seen.insert(entry.key).inserted {
      throw .duplicateKey(key: entry.key, origin: .file(path: path, line: entry.line))
    }
    self.entries = entries
  }

  private static let maximumEntries = 1_000
  private static let maximumName = 1_000

  private static func flatten(
    _ mapping: Node.Mapping, prefix: String, path: String, into entries: inout [Entry]
  ) throws(SettingsError) {
    for (key, value) in mapping {
      // Far more than there are settings: aliases of aliases can make billions of a few lines.
      guard entries.count < maximumEntries, prefix.utf8.count < maximumName else {
        throw .malformedFile(
          path: path, line: key.mark?.line ?? 1,
          reason: "it holds more keys than there can be settings")
      }
      let name = prefix + (key.scalar?.string ?? "?")
      let line = key.mark?.line ?? 1
      switch value {
      case .scalar(let scalar):
        // `key:` with nothing behind it is the empty text, which means "not set".
        let isNull =
          scalar.style == .plain && ["~", "null", "Null", "NULL"].contains(scalar.string)
        entries.append(Entry(key: name, text: isNull ? "" : scalar.string, line: line))
      case .mapping(let inner):
        try flatten(inner, prefix: name + ".", path: path, into: &entries)
      default:
        throw .wrongType(
          key: name, origin: .file(path: path, line: line), expected: "a single value",
          found: "a list")
      }
    }
  }

  private static func isEmpty(_ node: Node) -> Bool {
    node.scalar.map { $0.string.isEmpty && $0.style == .plain } ?? false
  }

  private static func named(_ error: any Error, path: String) -> SettingsError {
    switch error as? YamlError {
    case .duplicatedKeysInMapping(let duplicates, let context):
      let name = duplicates.first ?? "?"
      return .duplicateKey(
        key: name,
        origin: .file(path: path, line: context.mark.line))
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return .malformedFile(path: path, line: mark.line, reason: problem)
    default:
      return .malformedFile(path: path, line: 1, reason: "\(error)")
    }
  }

  private static func reason(_ error: any Error, path: String) -> String {
    FileManager.default.fileExists(atPath: path)
      ? "it is a folder or not readable by this user" : "there is no such file"
  }
}
