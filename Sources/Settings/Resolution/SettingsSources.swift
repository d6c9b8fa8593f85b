/// Everything that may set something, from the strongest to the weakest: flags, environment, file.
/// What none of them sets has its default.
public struct SettingsSources: Sendable {
  /// Texts by key name (not by flag): `["edge.port": "7443"]`.
  public var flags: [String: String]
  /// The process's whole environment; only names with the program's prefix are looked at.
  public var environment: [String: String]
  public var file: SettingsFile?

  public init(
    flags: [String: String] = [:], environment: [String: String] = [:], file: SettingsFile? = nil
  ) {
    self.flags = flags
    self.environment = environment
    self.file = file
  }
}
