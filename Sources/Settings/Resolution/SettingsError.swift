/// What can be wrong with a configuration. Every case names the key and the place; a command ends with
/// `exitStatus`.
public enum SettingsError: Error, Hashable, Sendable {
  case unreadableFile(path: String, reason: String)
  /// `line` is counted from 1.
  case malformedFile(path: String, line: Int, reason: String)
  case unknownKey(key: String, origin: SettingOrigin, nearest: String?)
  case duplicateKey(key: String, origin: SettingOrigin)
  case wrongType(key: String, origin: SettingOrigin, expected: String, found: String)
  case outOfRange(key: String, origin: SettingOrigin, allowed: String, found: String)
  case unknownChoice(
    key: String, origin: SettingOrigin, value: String, choices: [String], nearest: String?)
  /// Settings that do not fit together.
  case inconsistent(key: String, origin: SettingOrigin, reason: String)

  /// 66 for a file that is not there, otherwise 78.
  public var exitStatus: ExitStatus {
    if case .unreadableFile = self { .noInput } else { .configuration }
  }
}

extension SettingsError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unreadableFile(let path, let reason):
      "the configuration file \(path) cannot be read: \(reason)"
    case .malformedFile(let path, let line, let reason):
      "\(path):\(line): this is not the YAML of a configuration: \(reason)"
    case .unknownKey(let key, let origin, let nearest):
      "\(origin): there is no setting '\(key)'" + Self.suggest(nearest)
    case .duplicateKey(let key, let origin):
      "\(origin): '\(key)' is set a second time; keep one"
    case .wrongType(let key, let origin, let expected, let found):
      "\(origin): '\(key)' is '\(found)', it must be \(expected)"
    case .outOfRange(let key, let origin, let allowed, let found):
      "\(origin): '\(key)' is \(found), it must be \(allowed)"
    case .unknownChoice(let key, let origin, let value, let choices, let nearest):
      "\(origin): '\(key)' is '\(value)', it must be one of "
        + choices.joined(separator: ", ") + Self.suggest(nearest)
    case .inconsistent(let key, let origin, let reason):
      "\(origin): '\(key)': \(reason)"
    }
  }

  private static func suggest(_ nearest: String?) -> String {
    nearest.map { "; did you mean '\($0)'?" } ?? ""
  }
}
