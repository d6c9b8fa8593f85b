import Foundation

/// English as people write it, put into the transcripts' usual form: capital letters, apostrophes, single spaces, numbers as they are
/// spoken ("Dr. Smith paid $5 in 1842" becomes "DOCTOR SMITH PAID FIVE DOLLARS IN EIGHTEEN FORTY TWO").
///
/// For transcripts of models that write punctuation and digits, and for references, so that both are compared in one spelling. Without "and" in numbers, as
/// Americans speak them. What has no letters in English (other scripts) is dropped.
public enum EnglishText {
  public static func spoken(_ text: String) -> String {
    var scanner = Scanner(characters: characters(of: text))
    return scanner.words().map { abbreviations[$0] ?? $0 }.joined(separator: " ")
  }

  private static let abbreviations = [
    "MR": "MISTER", "MRS": "MISSUS", "DR": "DOCTOR", "OK": "OKAY",
  ]

  /// Without accents, ligatures and typographers' quotes.
  private static func characters(of text: String) -> [Character] {
    let plain =
      text
      .replacingOccurrences(of: "\u{2019}", with: "'").replacingOccurrences(
        of: "\u{2018}", with: "'"
      )
      .replacingOccurrences(of: "æ", with: "ae").replacingOccurrences(of: "œ", with: "oe")
      .replacingOccurrences(of: "ß", with: "ss").decomposedStringWithCompatibilityMapping
    return plain.unicodeScalars.filter { $0.isASCII || "£€°".unicodeScalars.contains($0) }
      .map { Character($0) }
  }

  private struct Scanner {
    let characters: [Character]
    private var at = 0
    private var out: [String] = []
    private var word = ""
    /// A currency's sign came, and its name follows the number.
    private var unit: (one: String, many: String)?

    init(characters: [Character]) { self.characters = characters }

    private func peek(_ offset: Int = 0) -> Character? {
      characters.indices.contains(at + offset) ? characters[at + offset] : nil
    }

    private func isDigit(_ character: Character?) -> Bool {
      character.map { $0.isASCII && $0.isNumber } ?? false
    }

    private func isLetter(_ character: Character?) -> Bool {
      character.map { $0.isASCII && $0.isLetter } ?? false
    }

    private mutating func endWord() {
      if !word.isEmpty { out.append(word) }
      word = ""
    }

    mutating func words() -> [String] {
      while let character = peek() {
        switch character {
        case "[", "(":
          endWord()
          skipRemark(closing: character == "[" ? "]" : ")")
        case "'" where !word.isEmpty && isLetter(peek(1)):
          word.append("'")
          at += 1
        case "%", "&", "+", "°":
          endWord()
          out.append(
            ["%": "PERCENT", "&": "AND", "+": "PLUS", "°": "DEGREES"][character] ?? "")
          at += 1
        case "$", "£", "€":
          endWord()
          if isDigit(peek(1)) {
            unit =
              character == "$"
              ? ("DOLLAR", "DOLLARS") : character == "£" ? ("POUND", "POUNDS") : ("EURO", "EUROS")
          }
          at += 1
        case _ where isDigit(character):
          endWord()
          number()
        case _ where isLetter(character):
          word.append(contentsOf: character.uppercased())
          at += 1
        default:
          endWord()
          at += 1
        }
      }
      endWord()
      return out
    }

    /// "[music]" and "(laughs)" are no words; a bracket that is not closed soon is only dropped.
    private mutating func skipRemark(closing: Character) {
      let end = characters[at...].prefix(80).firstIndex(of: closing)
      at = end.map { $0 + 1 } ?? at + 1
    }

    private func digits(from start: Int) -> String {
      String(characters[start...].prefix(24).prefix { isDigit($0) })
    }

    private mutating func number() {
      let start = at
      var whole = digits(from: at)
      at += whole.count
      var isGrouped = false
      while peek() == ",", digits(from: at + 1).count == 3, whole.count <= 15 {
        if !isGrouped, whole.count > 3 { break }
        isGrouped = true
        whole += digits(from: at + 1)
        at += 4
      }
      // Groups that hyphens join are no quantities: telephone numbers.
      let followsGroup = start > 1 && characters[start - 1] == "-" && isDigit(characters[start - 2])
      let leadsGroup = peek() == "-" && isDigit(peek(1))
      if followsGroup || leadsGroup, whole.count >= 3, NumberWords.year(whole) == nil {
        out += NumberWords.digits(whole)
        return
      }
      if peek() == ":", whole.count <= 2, digits(from: at + 1).count == 2 {
        let minutes = digits(from: at + 1)
        at += 3
        out += NumberWords.cardinal(whole)
        if minutes.hasPrefix("0"), minutes != "00" { out.append("OH") }
        if minutes != "00" { out += NumberWords.cardinal(minutes) }
        return
      }
      if peek() == ".", isDigit(peek(1)) {
        let fraction = digits(from: at + 1)
        at += 1 + fraction.count
        if let unit, fraction.count == 2 {
          amount(whole, unit)
          if fraction != "00" { out += ["AND"] + NumberWords.cardinal(fraction) + ["CENTS"] }
          self.unit = nil
          return
        }
        out += NumberWords.cardinal(whole) + ["POINT"] + NumberWords.digits(fraction)
        endAmount()
        return
      }
      if let unit {
        amount(whole, unit)
        // "$5 million" is five million dollars.
        self.unit = nil
        return
      }
      if let suffix = suffix(), ["ST", "ND", "RD", "TH"].contains(suffix) {
        at += 2
        out += NumberWords.ordinal(whole)
        return
      }
      // "the 1840s", "the '40s"
      let plural = peek() == "s" ? 1 : peek() == "'" && peek(1) == "s" ? 2 : 0
      if plural > 0, !isLetter(peek(plural)), whole.count == 2 || whole.count == 4 {
        at += plural
        out += NumberWords.plural(NumberWords.year(whole) ?? NumberWords.cardinal(whole))
        return
      }
      if !isGrouped, let year = NumberWords.year(whole) {
        out += year
      } else if !isGrouped, whole.count > 4 || (whole.count > 1 && whole.hasPrefix("0")) {
        out += NumberWords.digits(whole)
      } else {
        out += NumberWords.cardinal(whole)
      }
    }

    private mutating func amount(_ whole: String, _ unit: (one: String, many: String)) {
      out += NumberWords.cardinal(whole)
      for scale in ["thousand", "million", "billion", "trillion"] {
        let text = " " + scale
        let next = characters[at...].prefix(text.count)
        if String(next).lowercased() == text, !isLetter(peek(text.count)) {
          at += text.count
          out.append(scale.uppercased())
        }
      }
      out.append(Int(whole) == 1 && out.last == "ONE" ? unit.one : unit.many)
    }

    private mutating func endAmount() {
      guard let unit else { return }
      self.unit = nil
      for scale in ["thousand", "million", "billion", "trillion"] {
        let text = " " + scale
        if String(characters[at...].prefix(text.count)).lowercased() == text {
          at += text.count
          out.append(scale.uppercased())
        }
      }
      out.append(unit.many)
    }

    /// Two letters right behind, and no third.
    private func suffix() -> String? {
      guard let a = peek(), let b = peek(1), isLetter(a), isLetter(b), !isLetter(peek(2)) else {
        return nil
      }
      return String([a, b]).uppercased()
    }
  }
}

/// Numbers as words, from their digits.
enum NumberWords {
  private static let small = [
    "ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE", "TEN", "ELEVEN",
    "TWELVE", "THIRTEEN", "FOURTEEN", "FIFTEEN", "SIXTEEN", "SEVENTEEN", "EIGHTEEN", "NINETEEN",
  ]
  private static let tens = [
    "", "", "TWENTY", "THIRTY", "FORTY", "FIFTY", "SIXTY", "SEVENTY", "EIGHTY", "NINETY",
  ]
  private static let scales = ["", "THOUSAND", "MILLION", "BILLION", "TRILLION", "QUADRILLION"]
  private static let ordinals = [
    "ONE": "FIRST", "TWO": "SECOND", "THREE": "THIRD", "FIVE": "FIFTH", "EIGHT": "EIGHTH",
    "NINE": "NINTH", "TWELVE": "TWELFTH",
  ]

  /// One word a digit.
  static func digits(_ text: String) -> [String] {
    text.compactMap { $0.wholeNumberValue }.map { small[$0] }
  }

  /// What has no name is said digit by digit.
  static func cardinal(_ text: String) -> [String] {
    guard let value = Int(text), value < 1_000_000_000_000_000_000 else { return digits(text) }
    if value == 0 { return ["ZERO"] }
    var groups: [Int] = []
    var left = value
    while left > 0 {
      groups.append(left % 1_000)
      left /= 1_000
    }
    return groups.enumerated().reversed().flatMap { index, group -> [String] in
      group == 0 ? [] : hundreds(group) + (index == 0 ? [] : [scales[index]])
    }
  }

  private static func hundreds(_ value: Int) -> [String] {
    (value >= 100 ? [small[value / 100], "HUNDRED"] : []) + below100(value % 100)
  }

  private static func below100(_ value: Int) -> [String] {
    if value == 0 { return [] }
    if value < 20 { return [small[value]] }
    return [tens[value / 10]] + (value % 10 == 0 ? [] : [small[value % 10]])
  }

  /// Four digits from 1100 to 2099, which mostly are years; nil for others.
  static func year(_ text: String) -> [String]? {
    guard text.count == 4, let value = Int(text), (1_100...2_099).contains(value) else {
      return nil
    }
    if (2_000...2_009).contains(value) { return cardinal(text) }
    let century = below100(value / 100)
    switch value % 100 {
    case 0: return century + ["HUNDRED"]
    case 1...9: return century + ["OH", small[value % 10]]
    default: return century + below100(value % 100)
    }
  }

  static func ordinal(_ text: String) -> [String] {
    var words = cardinal(text)
    guard let last = words.popLast() else { return words }
    if let irregular = ordinals[last] { return words + [irregular] }
    return words + [last.hasSuffix("Y") ? last.dropLast() + "IETH" : last + "TH"]
  }

  static func plural(_ words: [String]) -> [String] {
    guard let last = words.last else { return words }
    let many =
      last.hasSuffix("Y")
      ? last.dropLast() + "IES" : last.hasSuffix("X") ? last + "ES" : last + "S"
    return words.dropLast() + [String(many)]
  }
}
