import Basics
import Foundation

/// A list of recordings with their transcripts: tab-separated, the first line names the columns.
///
/// `path` (relative to the manifest's folder) and `text` are needed; `set`, `split` and `speaker` are
/// used where they are there.
public struct Manifest: Sendable {
  public struct Item: Sendable {
    /// Absolute, or relative to the working directory.
    public var path: String
    /// As the manifest names it.
    public var name: String
    public var set: String
    public var split: String
    public var text: String
  }

  public var path: String
  public var items: [Item]

  /// - Parameter split: keeps only that split when the manifest has such a column; nil keeps all.
  /// - Throws: `ManifestError` naming the line.
  public init(path: String, split: String? = nil) throws(ManifestError) {
    self.path = path
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .unreadable(path: path)
    }
    let lines: [String]
    do {
      lines = try TextLines.text(data)
    } catch {
      throw .notText(path: path, reason: "\(error)")
    }
    guard let header = lines.first, !header.isEmpty else { throw .empty(path: path) }
    let columns = header.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    func column(_ name: String) -> Int? { columns.firstIndex(of: name) }
    guard let pathColumn = column("path") else { throw .noColumn(path: path, column: "path") }
    guard let textColumn = column("text") else { throw .noColumn(path: path, column: "text") }
    let setColumn = column("set")
    let splitColumn = column("split")
    // Not by NSString, whose deletingLastPathComponent traps for a name of one letter (Swift 6.3).
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    let isInRoot = path.hasPrefix("/") && folder.isEmpty
    items = []
    for (number, line) in lines.enumerated().dropFirst() where !line.isEmpty {
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard fields.count == columns.count else {
        throw .badLine(
          path: path, line: number + 1, reason: "\(fields.count) columns for \(columns.count)")
      }
      let itemSplit = splitColumn.map { fields[$0] } ?? ""
      if let split, splitColumn != nil, itemSplit != split { continue }
      let name = fields[pathColumn]
      items.append(
        Item(
          path: name.hasPrefix("/") || (folder.isEmpty && !isInRoot)
            ? name : folder + "/" + name, name: name,
          set: setColumn.map { fields[$0] } ?? "all", split: itemSplit, text: fields[textColumn]))
    }
    guard !items.isEmpty else { throw .nothing(path: path, split: split) }
  }
}

/// What can be wrong with a manifest.
public enum ManifestError: Error, CustomStringConvertible, Equatable {
  case unreadable(path: String)
  case notText(path: String, reason: String)
  case empty(path: String)
  case noColumn(path: String, column: String)
  case badLine(path: String, line: Int, reason: String)
  case nothing(path: String, split: String?)

  public var description: String {
    switch self {
    case .unreadable(let path):
      "manifest \(path) cannot be read: there is no such file, it is a folder, or this user may not"
    case .notText(let path, let reason): "manifest \(path) is no text: \(reason)"
    case .empty(let path): "manifest \(path) is empty; its first line must name the columns"
    case .noColumn(let path, let column):
      "manifest \(path) has no column \"\(column)\"; its first line must name path and text, separated by tabs"
    case .badLine(let path, let line, let reason): "manifest \(path), line \(line): \(reason)"
    case .nothing(let path, let split):
      "manifest \(path) holds no recording\(split.map { " of the split \"\($0)\"" } ?? "")"
    }
  }
}
