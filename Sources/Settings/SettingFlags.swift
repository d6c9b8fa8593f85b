/// Takes a program's settings out of its arguments: every key is also a flag.
///
/// `--edge-port 7443` and `--edge-port=7443` set `edge.port`; a boolean stands alone (`--hedge`),
/// is turned off (`--no-hedge`), or has a value like any other. A value that looks like another flag must stand after `=`.
/// What is no setting's flag is left to the command's own parser.
public struct SettingFlags: Sendable {
  /// Texts by key name, as `SettingsSources.flags` wants them.
  public var flags: [String: String] = [:]
  /// The other arguments, in order.
  public var rest: [String] = []

  /// - Throws: `SettingsError.wrongType` when a flag lacks its value.
  public init(arguments: [String], keys: [SettingKey]) throws(SettingsError) {
    let byFlag = Dictionary(keys.map { ($0.flag, $0) }, uniquingKeysWith: { first, _ in first })
    var index = 0
    while index < arguments.count {
      let argument = arguments[index]
      index += 1
      // Everything after `--` is a file's name, whatever it looks like.
      if argument == "--" {
        rest += arguments[(index - 1)...]
        return
      }
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts[0])
      if let key = byFlag[name] {
        if parts.count == 2 {
          flags[key.name] = String(parts[1])
        } else if key.kind == .boolean {
          if index < arguments.count, ["true", "false"].contains(arguments[index]) {
            flags[key.name] = arguments[index]
            index += 1
          } else {
            flags[key.name] = "true"
          }
        } else if index < arguments.count, !arguments[index].hasPrefix("--"),
          arguments[index] != "-h"
        {
          flags[key.name] = arguments[index]
          index += 1
        } else {
          throw .wrongType(
            key: key.name, origin: .flag(name), expected: key.kind.description,
            found: index < arguments.count ? arguments[index] : "nothing")
        }
      } else if name.hasPrefix("--no-"), let key = byFlag["--" + name.dropFirst(5)],
        key.kind == .boolean, parts.count == 1
      {
        flags[key.name] = "false"
      } else {
        rest.append(argument)
      }
    }
  }

  /// For `--help`: every flag with what it takes and its default.
  public static func help(keys: [SettingKey]) -> String {
    keys.map { key in
      let value = key.kind == .boolean ? "" : " <\(key.name.split(separator: ".").last ?? "value")>"
      return "  \(key.flag)\(value)\n      \(key.documentation) Default: \(key.defaultValue)."
    }.joined(separator: "\n")
  }
}
