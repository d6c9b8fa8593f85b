import Conformer
import Models

/// The letters of text as small numbers: apostrophe 0, A-Z 1 to 26, the space between words 27.
///
/// Apostrophe before the letters is the order of their bytes, in which language models keep their words.
struct Spelling: Sendable {
  static let space: UInt8 = 27
  /// What no word of A-Z and apostrophe has.
  static let other: UInt8 = 28

  static func symbol(_ byte: UInt8) -> UInt8 {
    switch byte {
    case UInt8(ascii: "'"): 0
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A") + 1
    default: other
    }
  }

  private let starts: [Int]
  private let symbols: [UInt8]

  /// Spells every token of a vocabulary; "▁" is a space.
  init(_ vocabulary: Vocabulary) {
    var starts = [0]
    var symbols: [UInt8] = []
    for (number, token) in vocabulary.tokens.enumerated() {
      if number != Vocabulary.blank {
        for character in token.unicodeScalars {
          symbols.append(
            String(character) == Vocabulary.wordBoundary
              ? Self.space : character.isASCII ? Self.symbol(UInt8(character.value)) : Self.other)
        }
      }
      starts.append(symbols.count)
    }
    self.starts = starts
    self.symbols = symbols
  }

  /// The symbols of a token.
  @inline(__always) func range(_ token: Int) -> Range<Int> { starts[token]..<starts[token + 1] }

  @inline(__always) subscript(index: Int) -> UInt8 { symbols[index] }
}
