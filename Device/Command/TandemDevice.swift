import ArgumentParser
import Conformer
import DecisionLog
import Foundation
import Logging
import Offload
import SecureTransport
import Settings
import TandemDevice

@main
struct TandemDeviceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tandem-device",
    abstract: "Recognise speech here, and with an edge server's help where that pays.",
    discussion: """
      Everything locally, nothing leaves the device:
        tandem-device transcribe --policy always-local recording.wav

      With an edge, by the model's own confidence:
        tandem-device transcribe --edge-host edge.local \\
          --certificates-certificate device.pem --certificates-private-key device.key \\
          --certificates-authority ca.pem *.wav

      What was decided, and why:
        tandem-device decisions summary
      """,
    subcommands: [Transcribe.self, Decisions.self, Describe.self, RecordPackets.self])

  /// The settings' flags are taken out first, so that every key of Config/device.yaml is a flag.
  static func main() async {
    do {
      let flags = try SettingFlags(
        arguments: Array(CommandLine.arguments.dropFirst()), keys: DeviceSettings.keys)
      await SettingsContext.$flags.withValue(flags.flags) {
        await main(flags.rest)
      }
    } catch {
      complain("\(error)")
      Foundation.exit(ExitStatus.usage.rawValue)
    }
  }
}

/// The settings' flags of this invocation.
enum SettingsContext {
  @TaskLocal static var flags: [String: String] = [:]
}

struct SettingsOptions: ParsableArguments {
  @Option(help: "YAML file with settings (Config/device.yaml documents all of them).")
  var config: String?

  @Flag(help: "Print the settings in force and where each came from, and stop.")
  var printConfig = false

  func load() throws -> DeviceSettings {
    let environment = ProcessInfo.processInfo.environment
    let path = config ?? environment[DeviceSettings.environmentPrefix + "CONFIG"]
    let file = try path.map { try SettingsFile(path: $0) }
    let settings = try DeviceSettings(
      SettingsSources(flags: SettingsContext.flags, environment: environment, file: file))
    if printConfig {
      print(settings.resolved.dump(), terminator: "")
      throw ExitCode.success
    }
    return settings
  }
}

func complain(_ message: String) {
  FileHandle.standardError.write(Data("tandem-device: \(message)\n".utf8))
}

/// Runs a command's body; what goes wrong is named on standard error, with a sysexits code.
func reporting(_ body: () async throws -> Void) async throws {
  do {
    try await body()
  } catch let error as ExitCode {
    throw error
  } catch let error as ValidationError {
    throw error
  } catch {
    complain("\(error)")
    throw ExitCode(exitStatus(of: error).rawValue)
  }
}

func makeLogger(_ level: LogLevel) -> Logger {
  LoggingSystem.bootstrap(StreamLogHandler.standardError)
  var logger = Logger(label: "tandem-device")
  logger.logLevel = Logger.Level(rawValue: level.rawValue) ?? .warning
  return logger
}
