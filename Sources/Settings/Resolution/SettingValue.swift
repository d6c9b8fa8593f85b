/// A setting's value.
public enum SettingValue: Hashable, Sendable {
  case string(String)
  case integer(Int)
  case number(Double)
  case boolean(Bool)
}

extension SettingValue: CustomStringConvertible {
  /// As YAML writes it.
  public var description: String {
    switch self {
    case .string(let text):
      Self.isPlain(text) ? text : Self.quoted(text)
    case .integer(let value): "\(value)"
    case .number(let value):
      value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
    case .boolean(let value): value ? "true" : "false"
    }
  }

  /// Whether YAML reads `text` back as this very string without quotes.
  private static func isPlain(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first, text.last != " " else { return false }
    let special = "!&*?|>@`\"'%#,[]{}-:~ "
    if special.unicodeScalars.contains(first) { return false }
    return text.unicodeScalars.allSatisfy {
      $0.value >= 0x20 && $0.value < 0x7F && $0 != "#" && $0 != ":"
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\r": result += "\\r"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
