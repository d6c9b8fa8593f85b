/// Where a value came from.
public enum SettingOrigin: Hashable, Sendable {
  case flag(String)
  case environment(String)
  /// `line` is counted from 1.
  case file(path: String, line: Int)
  case builtIn
}

extension SettingOrigin: CustomStringConvertible {
  public var description: String {
    switch self {
    case .flag(let flag): "flag \(flag)"
    case .environment(let name): "environment variable \(name)"
    case .file(let path, let line): "\(path):\(line)"
    case .builtIn: "default"
    }
  }
}
