/// All settings of one program.
public protocol ProgramSettings: Sendable {
  /// Before every environment variable, such as `TANDEM_EDGE_`.
  static var environmentPrefix: String { get }
  /// The file in `Config/` that documents every key.
  static var fileName: String { get }
  /// Every key, in the order of the file.
  static var keys: [SettingKey] { get }

  /// - Throws: `SettingsError`.
  init(_ sources: SettingsSources) throws(SettingsError)

  /// Every value with its origin, for `--print-config`.
  var resolved: ResolvedSettings { get }
}

extension DeviceSettings: ProgramSettings {
  public static let fileName = "device.yaml"
}

extension EdgeSettings: ProgramSettings {
  public static let fileName = "edge.yaml"
}
