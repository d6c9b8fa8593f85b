/// What values a setting takes.
public enum SettingKind: Hashable, Sendable {
  /// Any text, empty too.
  case string
  /// The name of a file or folder; not the empty one, which an unset variable becomes.
  case path
  /// One of these words.
  case choice([String])
  case integer(ClosedRange<Int>)
  case number(ClosedRange<Double>)
  case boolean

  /// In words, for documentation and errors.
  public var description: String {
    switch self {
    case .string: "text"
    case .path: "the name of a file or folder"
    case .choice(let words): "one of " + words.joined(separator: ", ")
    case .integer(let range):
      "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .number(let range):
      "a number from \(SettingValue.number(range.lowerBound)) to \(SettingValue.number(range.upperBound))"
    case .boolean: "true or false"
    }
  }

  /// Reads a value from text.
  /// - Throws: `SettingsError.wrongType`, `outOfRange` or `unknownChoice`, each naming key and place.
  func parse(_ text: String, key: String, origin: SettingOrigin) throws(SettingsError)
    -> SettingValue
  {
    switch self {
    case .string:
      return .string(text)
    case .path:
      guard !text.isEmpty else {
        throw .wrongType(key: key, origin: origin, expected: description, found: text)
      }
      return .string(text)
    case .choice(let words):
      guard words.contains(text) else {
        throw .unknownChoice(
          key: key, origin: origin, value: text, choices: words,
          nearest: NearestWord.nearest(to: text, in: words))
      }
      return .string(text)
    case .integer(let range):
      guard let value = Int(text) else {
        throw .wrongType(key: key, origin: origin, expected: description, found: text)
      }
      guard range.contains(value) else {
        throw .outOfRange(key: key, origin: origin, allowed: description, found: text)
      }
      return .integer(value)
    case .number(let range):
      guard let value = Double(text), value.isFinite else {
        throw .wrongType(key: key, origin: origin, expected: description, found: text)
      }
      guard range.contains(value) else {
        throw .outOfRange(key: key, origin: origin, allowed: description, found: text)
      }
      return .number(value)
    case .boolean:
      guard text == "true" || text == "false" else {
        throw .wrongType(key: key, origin: origin, expected: description, found: text)
      }
      return .boolean(text == "true")
    }
  }
}
