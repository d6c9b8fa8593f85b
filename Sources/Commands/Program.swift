import ArgumentParser
import Basics
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

  /// - Parameter exitStatus: for what a command's body throws. The errors of settings and output bring their own.
  public init(name: String, exitStatus: @escaping @Sendable (any Error) -> ExitStatus) {
    self.name = name
    self.exitStatus = exitStatus
  }

  /// Runs the commands of `root` and ends the process. The settings' flags are taken out first, so that every key of the
  /// configuration file is a flag.
  /// - Parameters:
  ///   - keys: the program's settings; none for a program without.
  ///   - hasSettings: whether the command that these arguments name has settings.
  public func main(
    _ root: (some ParsableCommand).Type, keys: [SettingKey] = [],
    hasSettings: @Sendable ([String]) -> Bool = { _ in true }
  ) async -> Never {
    Output.prepare()
    let arguments = Self.arguments()
    var status: Int32
    do {
      try Self.refuseUnknownFlags(arguments)
      if hasSettings(arguments), !keys.isEmpty {
        let found = try SettingFlags(arguments: arguments, keys: keys)
        try await Self.$settingFlags.withValue(found.flags) { try await run(root, found.rest) }
      } else {
        try await run(root, arguments)
      }
      status = 0
    } catch let error as SettingsError {
      complain("\(error)")
      status = ExitStatus.usage.rawValue
    } catch {
      status = end(root, error)
    }
    do {
      try Output.finish()
    } catch {
      complain("\(error)")
      if status == 0 { status = error.exitStatus.rawValue }
    }
    Foundation.exit(status)
  }

  private func run(_ root: (some ParsableCommand).Type, _ arguments: [String]) async throws {
    var command = try root.parseAsRoot(arguments)
    if var asynchronous = command as? any AsyncParsableCommand {
      try await asynchronous.run()
    } else {
      try command.run()
    }
  }

  /// Says what ArgumentParser has to say: help and version are results, the rest is a complaint.
  private func end(_ root: (some ParsableCommand).Type, _ error: any Error) -> Int32 {
    let status = root.exitCode(for: error).rawValue
    let message = root.fullMessage(for: error)
    guard !message.isEmpty else { return status }
    guard status == 0 else {
      Output.complain(message)
      return status
    }
    do {
      try Output.print(message)
      return 0
    } catch {
      if error != .readerGone { complain("\(error)") }
      return error.exitStatus.rawValue
    }
  }

  /// The command line as the system has it: names of files need not be UTF-8.
  private static func arguments() -> [String] {
    (1..<max(1, Int(CommandLine.argc))).compactMap { index in
      CommandLine.unsafeArgv[index].map { pointer in
        PathName.string(UnsafeRawBufferPointer(start: pointer, count: strlen(pointer)))
      }
    }
  }

  /// `-dash.wav` is no bundle of flags of one letter: there is none but -h.
  private static func refuseUnknownFlags(_ arguments: [String]) throws {
    for argument in arguments.prefix(while: { $0 != "--" }) {
      let letters = argument.dropFirst()
      guard argument.hasPrefix("-"), let first = letters.first, first.isLetter, letters.count > 1
      else { continue }
      throw ValidationError(
        "there is no option \"\(argument)\"; a file of that name is ./\(argument)")
    }
  }

  /// A line on standard error.
  public func complain(_ message: String) { Output.complain("\(name): \(message)") }

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
    if error as? OutputError != .readerGone { complain("\(error)") }
    let status =
      (error as? SettingsError)?.exitStatus ?? (error as? OutputError)?.exitStatus
      ?? exitStatus(error)
    return ExitCode(status.rawValue)
  }

  /// Logs to standard error under the program's name. Call it once.
  public func makeLogger(_ level: LogLevel) -> Logger {
    LoggingSystem.bootstrap { OutputLogHandler(label: $0) }
    var logger = Logger(label: name)
    if let level = Logger.Level(rawValue: level.rawValue) { logger.logLevel = level }
    return logger
  }
}
