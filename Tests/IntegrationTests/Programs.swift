import Foundation

/// The built commands, run as processes: what a user sees.
struct Programs: Sendable {
  let folder: String

  /// nil where only the tests were built.
  static let built: Programs? = {
    // Beside the test bundle, or where `swift build -c release` puts them.
    let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let candidates = [
      Bundle.main.executableURL?.deletingLastPathComponent().path,
      CommandLine.arguments.first.map { URL(fileURLWithPath: $0).deletingLastPathComponent().path },
      repository.appendingPathComponent(".build/release").path,
    ].compactMap { $0 }
    for folder in candidates
    where ["tandem-device", "tandem-edge"].allSatisfy({
      FileManager.default.isExecutableFile(atPath: folder + "/" + $0)
    }) {
      return Programs(folder: folder)
    }
    return nil
  }()

  struct Outcome: Sendable {
    var status: Int32
    var output: String
    var errors: String
    /// The most memory that it had, in KiB, as seen just before its end.
    var peakKibibytes: Int
  }

  /// Runs a command to its end; kills it after `limit` seconds.
  func run(_ name: String, _ arguments: [String], limit: Double = 240) async throws -> Outcome {
    try await outcome(start(name, arguments), limit: limit)
  }

  private func outcome(_ running: Running, limit: Double) async throws -> Outcome {
    let end = Date(timeIntervalSinceNow: limit)
    var peak = 0
    while running.process.isRunning {
      peak = max(peak, running.peakKibibytes)
      if Date() > end { kill(running.process.processIdentifier, SIGKILL) }
      try await Task.sleep(for: .milliseconds(20))
    }
    return Outcome(
      status: running.process.terminationStatus, output: running.output, errors: running.errors,
      peakKibibytes: peak)
  }

  /// Runs a line of the shell, in which `$B` is the commands' folder.
  func shell(_ line: String, limit: Double = 240, environment: [String: String] = [:]) async throws
    -> Outcome
  {
    let running = try start(
      URL(fileURLWithPath: "/bin/bash"), ["-c", line],
      environment: environment.merging(["B": folder]) { $1 })
    return try await outcome(running, limit: limit)
  }

  /// A process and the files that it writes to: a pipe that nobody reads would stop it.
  struct Running {
    let process: Process
    let folder: String

    var output: String { text("out") }
    var errors: String { text("err") }

    private func text(_ name: String) -> String {
      (try? String(contentsOfFile: folder + "/" + name, encoding: .utf8)) ?? ""
    }

    var peakKibibytes: Int {
      let path = "/proc/\(process.processIdentifier)/status"
      let line = (try? String(contentsOfFile: path, encoding: .utf8))?
        .split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
      return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    }

    /// Ends it by SIGTERM and waits.
    func stop() async throws -> Int32 {
      process.terminate()
      while process.isRunning { try await Task.sleep(for: .milliseconds(20)) }
      return process.terminationStatus
    }
  }

  func start(_ name: String, _ arguments: [String]) throws -> Running {
    try start(URL(fileURLWithPath: folder + "/" + name), arguments)
  }

  private func start(_ program: URL, _ arguments: [String], environment: [String: String] = [:])
    throws -> Running
  {
    let folder = try Self.temporaryFolder()
    let process = Process()
    process.executableURL = program
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    // Settings of whoever runs the tests must not reach the commands.
    process.environment = ProcessInfo.processInfo.environment.filter {
      !$0.key.hasPrefix("TANDEM_")
    }.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    for (name, isOutput) in [("out", true), ("err", false)] {
      let file = URL(fileURLWithPath: folder + "/" + name)
      try Data().write(to: file)
      let handle = try FileHandle(forWritingTo: file)
      if isOutput { process.standardOutput = handle } else { process.standardError = handle }
    }
    try process.run()
    return Running(process: process, folder: folder)
  }

  static func temporaryFolder() throws -> String {
    let folder = NSTemporaryDirectory() + "tandem-command-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return folder
  }
}
