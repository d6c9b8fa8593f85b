extension ByteLevelTokenizer {
  /// What GPT-2's pattern splits a text into before merging, as UTF-8:
  /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
  static func pieces(_ text: String) -> [[UInt8]] {
    let scalars = Array(text.unicodeScalars)
    let kinds = scalars.map(Kind.init)
    var pieces: [[UInt8]] = []
    var start = 0
    while start < scalars.count {
      let end = pieceEnd(scalars, kinds, start)
      var piece: [UInt8] = []
      for scalar in scalars[start..<end] { piece += Array(String(scalar).utf8) }
      pieces.append(piece)
      start = end
    }
    return pieces
  }

  private enum Kind {
    case letter, number, space, other

    init(_ scalar: Unicode.Scalar) {
      switch scalar.properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
        self = .letter
      case .decimalNumber, .letterNumber, .otherNumber: self = .number
      default: self = scalar.properties.isWhitespace ? .space : .other
      }
    }
  }

  private static let contractions = ["s", "t", "re", "ve", "m", "ll", "d"].map {
    Array($0.unicodeScalars)
  }

  private static func pieceEnd(_ scalars: [Unicode.Scalar], _ kinds: [Kind], _ start: Int) -> Int {
    let count = scalars.count
    if scalars[start] == "'" {
      for contraction in contractions where start + contraction.count < count {
        if scalars[start + 1...start + contraction.count].elementsEqual(contraction) {
          return start + 1 + contraction.count
        }
      }
    }
    // A run of one kind, with the one space before it.
    var first = start
    if scalars[start] == " ", start + 1 < count, kinds[start + 1] != .space { first += 1 }
    var end = first + 1
    while end < count, kinds[end] == kinds[first] { end += 1 }
    if kinds[first] != .space { return end }
    // A run of spaces leaves its last to what follows.
    return end < count && end - start > 1 ? end - 1 : end
  }

  /// GPT-2's names for bytes in vocabulary files: printable bytes are themselves, the others follow from U+0100 on.
  package static let byteNames: [Unicode.Scalar] = {
    var names: [Unicode.Scalar] = []
    var next: UInt32 = 256
    for byte in UInt32(0)..<256 {
      if (33...126).contains(byte) || (161...172).contains(byte) || (174...255).contains(byte) {
        names.append(Unicode.Scalar(byte)!)
      } else {
        names.append(Unicode.Scalar(next)!)
        next += 1
      }
    }
    return names
  }()

  private static let byteOfName = Dictionary(
    uniqueKeysWithValues: byteNames.enumerated().map { ($1, UInt8($0)) })

  /// The bytes of a token as a vocabulary file spells it; nil if a character names no byte.
  package static func bytes(spelled name: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    for scalar in name.unicodeScalars {
      guard let byte = byteOfName[scalar] else { return nil }
      bytes.append(byte)
    }
    return bytes
  }

  /// A token as vocabulary files spell it.
  package static func spelled(_ bytes: [UInt8]) -> String {
    var name = String.UnicodeScalarView()
    for byte in bytes { name.append(byteNames[Int(byte)]) }
    return String(name)
  }
}
