/// Why a scenario cannot be run. Lines are counted from 1.
public enum ScenarioError: Error, Hashable, Sendable {
  case unreadable(path: String, reason: String)
  case malformed(path: String, line: Int, reason: String)
  case unknownKey(path: String, line: Int, key: String, known: [String])
  case missingKey(path: String, line: Int, key: String)
  case wrongValue(path: String, line: Int, key: String, found: String, expected: String)
  /// No recording matches, and there is no generator to fall back to.
  case noTraces(path: String, patterns: [String])
}

extension ScenarioError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unreadable(let path, let reason):
      "the scenario \(path) cannot be read: \(reason)"
    case .malformed(let path, let line, let reason):
      "\(path):\(line): this is not the YAML of a scenario: \(reason)"
    case .unknownKey(let path, let line, let key, let known):
      "\(path):\(line): there is no key '\(key)'; known here are \(known.joined(separator: ", "))"
    case .missingKey(let path, let line, let key):
      "\(path):\(line): '\(key)' is missing; set it"
    case .wrongValue(let path, let line, let key, let found, let expected):
      "\(path):\(line): '\(key)' is '\(found)', it must be \(expected)"
    case .noTraces(let path, let patterns):
      "\(path): no recording matches \(patterns.joined(separator: ", ")), and there is no "
        + "link.fallback; fetch ../shared/traces, set TANDEM_SHARED, or add a fallback"
    }
  }
}
