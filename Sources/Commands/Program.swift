import ArgumentParser
import Foundation
import Logging
import Settings

/// What all of Tandem's programs do around their commands: name what went wrong, and exit as sysexits has it.
public struct Program: Sendable {
  /// The program's name, before every complaint.
  public let name: String
  private let exitStatus: @Sendable (any Error) -> ExitStatus

  /// The settings' flags of this invocation, by key name.
  @TaskLocal public static var settingFlags: [String: String] = [:]

  /// - Parameter exitStatus: for what a command's body throws. Settings' errors bring their own.
  public init(name: String, exitStatus: @escaping @Sendable (any Error) -> ExitStatus) {
    self.name = name
    self.exitStatus = exitStatus
  }

  /// Runs the commands of `root`. The settings' flags are taken out first, so that every key of the
  /// configuration file is a flag.
  /// - Parameter hasSettings: whether the command that these arguments name has settings.
  public func main(
    _ root: (some AsyncParsableCommand).Type, keys: [SettingKey],
    hasSettings: @Sendable ([String]) -> Bool = { _ in true }
  ) async {
    do {
      let arguments = Array(CommandLine.arguments.dropFirst())
      guard hasSettings(arguments) else { return await root.main(arguments) }
      let found = try SettingFlags(arguments: arguments, keys: keys)
      await Self.$settingFlags.withValue(found.flags) { await root.main(found.rest) }
    } catch {
      complain("\(error)")
      Foundation.exit(ExitStatus.usage.rawValue)
    }
  }

  /// A line on standard error.
  public func complain(_ message: String) {
    FileHandle.standardError.write(Data("\(name): \(message)\n".utf8))
  }

  /// Runs a command's body; what goes wrong is named on standard error, and becomes the exit status.
  public func reporting(_ body: () async throws -> Void) async throws {
    do { try await body() } catch { throw reported(error) }
  }

  /// Runs a command's body; what goes wrong is named on standard error, and becomes the exit status.
  public func reportingSynchronously(_ body: () throws -> Void) throws {
    do { try body() } catch { throw reported(error) }
  }

  private func reported(_ error: any Error) -> any Error {
    // What ArgumentParser itself understands: it says the rest, and how the command is used.
    if error is ExitCode || error is ValidationError || error is CleanExit { return error }
    complain("\(error)")
    let status = (error as? SettingsError)?.exitStatus ?? exitStatus(error)
    return ExitCode(status.rawValue)
  }

  /// Logs to standard error under the program's name. Call it once.
  public func makeLogger(_ level: LogLevel) -> Logger {
    LoggingSystem.bootstrap(StreamLogHandler.standardError)
    var logger = Logger(label: name)
    if let level = Logger.Level(rawValue: level.rawValue) { logger.logLevel = level }
    return logger
  }
}
