import ArgumentParser
import Foundation
import Settings

/// Where a command's settings come from; the settings themselves are flags of their own.
public struct SettingsOptions<Values: ProgramSettings>: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "YAML file with settings (Config/\(Values.fileName) documents all of them)."))
  public var config: String?

  @Flag(help: "Print the settings in force and where each came from, and stop.")
  public var printConfig = false

  public init() {}

  /// The settings in force: flags over environment over file over defaults.
  /// - Throws: `SettingsError`; `ExitCode.success` when they were only to be printed.
  public func load() throws -> Values {
    let environment = ProcessInfo.processInfo.environment
    let path = config ?? environment[Values.environmentPrefix + "CONFIG"]
    let settings = try Values(
      SettingsSources(
        flags: Program.settingFlags, environment: environment,
        file: try path.map { try SettingsFile(path: $0) }))
    if printConfig {
      try Output.print(settings.resolved.dump(), terminator: "")
      throw ExitCode.success
    }
    return settings
  }
}
