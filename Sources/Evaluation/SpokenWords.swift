import Foundation

/// The words of a transcript as they are compared: what is spoken counts, not how it is written.
///
/// Upper case, with the apostrophe of typewriters; punctuation separates nothing but words. "Don’t stop, please." and
/// `DON'T STOP PLEASE` are the same. Numbers are not spelled out.
public enum SpokenWords {
  public static func words(_ text: String) -> [String] {
    // What nearly every transcript is like already.
    if text.utf8.allSatisfy({ ($0 >= 0x41 && $0 <= 0x5A) || $0 == 0x20 || $0 == 0x27 }) {
      return text.split(separator: " ").map(String.init)
    }
    var letters = ""
    for scalar in text.precomposedStringWithCompatibilityMapping.unicodeScalars {
      if "\u{2019}\u{2018}\u{02BC}\u{0060}\u{00B4}".unicodeScalars.contains(scalar) {
        letters.append("'")
      } else if CharacterSet.alphanumerics.contains(scalar) || scalar == "'" {
        letters.unicodeScalars.append(scalar)
      } else {
        letters.append(" ")
      }
    }
    return letters.uppercased().split(separator: " ").map { word in
      // Quotation marks, unlike the apostrophe of 'TIS, stand on both sides.
      let isQuoted = word.count > 2 && word.hasPrefix("'") && word.hasSuffix("'")
      return String(isQuoted ? word.dropFirst().dropLast() : word)
    }.filter { $0.contains { $0 != "'" } }
  }
}
