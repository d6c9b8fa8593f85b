import Foundation

/// The one reader of lines for every text that comes from outside: lists, recordings of links, manifests.
///
/// A line ends with LF, CR LF or CR (Unix, Windows, old Macs), the last one also with the text; a byte order mark at
/// the beginning is no part of the first line.
public enum TextLines {
  /// What keeps bytes from being read as text.
  public enum Problem: Error, Hashable, Sendable, CustomStringConvertible {
    /// UTF-16 or UTF-32 with a byte order mark, as Windows programs save "Unicode".
    case wide
    /// - line: the first that is no UTF-8, from 1.
    case notUTF8(line: Int)

    public var description: String {
      switch self {
      case .wide: "it is UTF-16 text; save it as UTF-8"
      case .notUTF8(let line): "line \(line) is not UTF-8 text; save the file as UTF-8"
      }
    }
  }

  /// Every line, empty ones too, in order.
  public static func split(_ data: some Collection<UInt8>) -> [ArraySlice<UInt8>] {
    var bytes = Array(data)[...]
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
    var lines: [ArraySlice<UInt8>] = []
    while let end = bytes.firstIndex(where: { $0 == 0x0A || $0 == 0x0D }) {
      lines.append(bytes[bytes.startIndex..<end])
      let isPair = bytes[end] == 0x0D && end + 1 < bytes.endIndex && bytes[end + 1] == 0x0A
      bytes = bytes[(end + (isPair ? 2 : 1))...]
    }
    if !bytes.isEmpty { lines.append(bytes) }
    return lines
  }

  /// Every line as text, empty ones too, in order.
  ///
  /// - Throws: `Problem`.
  public static func text(_ data: some Collection<UInt8>) throws(Problem) -> [String] {
    let mark = Array(data.prefix(2))
    if mark == [0xFF, 0xFE] || mark == [0xFE, 0xFF] { throw .wide }
    var lines: [String] = []
    for line in split(data) {
      guard let text = String(validating: line, as: UTF8.self) else {
        throw .notUTF8(line: lines.count + 1)
      }
      lines.append(text)
    }
    return lines
  }

  /// A whole text without a byte order mark, for parsers that look for lines themselves.
  ///
  /// - Throws: `Problem`.
  public static func whole(_ data: some Collection<UInt8>) throws(Problem) -> String {
    let mark = Array(data.prefix(3))
    if mark.starts(with: [0xFF, 0xFE]) || mark.starts(with: [0xFE, 0xFF]) { throw .wide }
    let bytes = Array(mark == [0xEF, 0xBB, 0xBF] ? data.dropFirst(3) : data.dropFirst(0))
    guard let text = String(validating: bytes, as: UTF8.self) else {
      let good = split(bytes).prefix { String(validating: $0, as: UTF8.self) != nil }
      throw .notUTF8(line: good.count + 1)
    }
    return text
  }
}
