import Basics
import Foundation

/// What the readers of traces share.
enum TraceFile {
  static func text(path: String) throws(TraceError) -> String {
    guard FileManager.default.fileExists(atPath: path) else {
      throw .unreadable(path: path, reason: "there is no such file")
    }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .unreadable(path: path, reason: "it is a folder or not readable by this user")
    }
    do {
      return try TextLines.whole(data)
    } catch {
      throw .unreadable(path: path, reason: "\(error)")
    }
  }

  /// Words of every line that holds any, with its number from 1; lines that begin with # do not count.
  static func lines(_ text: String) -> [(line: Int, words: [Substring])] {
    TextLines.split(text.utf8).enumerated().compactMap { index, line in
      let words = String(decoding: line, as: UTF8.self).split(whereSeparator: \.isWhitespace)
      guard let first = words.first, !first.hasPrefix("#") else { return nil }
      return (index + 1, words)
    }
  }
}
