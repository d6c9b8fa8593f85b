/// One setting: its name, what it takes, its default, and what it is for.
///
/// The name's parts are separated by dots and nest in YAML: `edge.port` is `port` under `edge`.
public struct SettingKey: Hashable, Sendable {
  public let name: String
  public let kind: SettingKind
  public let defaultValue: SettingValue
  /// What it is for, with units, in sentences; written as a comment into the file in `Config/`.
  public let documentation: String

  public init(
    _ name: String, _ kind: SettingKind, default defaultValue: SettingValue, _ documentation: String
  ) {
    self.name = name
    self.kind = kind
    self.defaultValue = defaultValue
    self.documentation = documentation
  }

  /// The flag that sets it: `edge.serverName` is `--edge-server-name`.
  public var flag: String { "--" + words.joined(separator: "-") }

  /// The environment variable that sets it, without prefix: `edge.serverName` is `EDGE_SERVER_NAME`.
  public var environmentName: String { words.map { $0.uppercased() }.joined(separator: "_") }

  private var words: [String] {
    var words = [""]
    for character in name {
      if character == "." {
        words.append("")
      } else if character.isUppercase {
        words.append(character.lowercased())
      } else {
        words[words.count - 1].append(character)
      }
    }
    return words
  }
}
