import Foundation

/// File names as the system has them: bytes, which need not be UTF-8.
///
/// A program's arguments become strings; a byte that is no UTF-8 stands in them as a character of a private plane, and
/// becomes that byte again when the file is opened. Everything else is as it was.
public enum PathName {
  /// U+10FF00 + byte: the last private plane, which no text uses.
  private static let base: UInt32 = 0x10_FF00

  /// A string for bytes that are UTF-8 but for some.
  public static func string(_ bytes: some Collection<UInt8>) -> String {
    let bytes = Array(bytes)
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    var text = String.UnicodeScalarView()
    var rest = bytes[...]
    while let first = rest.first {
      let length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
      if let valid = String(validating: rest.prefix(length), as: UTF8.self) {
        text.append(contentsOf: valid.unicodeScalars)
        rest = rest.dropFirst(length)
      } else {
        if let scalar = Unicode.Scalar(base + UInt32(first)) { text.append(scalar) }
        rest = rest.dropFirst()
      }
    }
    return String(text)
  }

  /// The bytes that ``string(_:)`` was given.
  public static func bytes(_ string: String) -> [UInt8] {
    if !string.unicodeScalars.contains(where: isByte) { return Array(string.utf8) }
    return string.unicodeScalars.flatMap { scalar -> [UInt8] in
      isByte(scalar) ? [UInt8(scalar.value - base)] : Array(UTF8.encode(scalar) ?? .init())
    }
  }

  /// For people: what is no text shows as U+FFFD.
  public static func printable(_ string: String) -> String {
    if !string.unicodeScalars.contains(where: isByte) { return string }
    var text = String.UnicodeScalarView()
    for scalar in string.unicodeScalars { text.append(isByte(scalar) ? "\u{FFFD}" : scalar) }
    return String(text)
  }

  private static func isByte(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value >= base + 0x80 && scalar.value <= base + 0xFF
  }
}
