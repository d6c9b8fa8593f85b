import Foundation
import Synchronization

/// An `openssl` command that runs while the test talks to it.
final class RunningTool: Sendable {
  private struct State {
    var text = ""
    var hasEnded = false
  }

  private final class Collector: Sendable {
    let state = Mutex(State())
  }

  private let collector = Collector()
  private let identifier: Int32
  private let input: Int32
  private let pipes: Pipes

  /// Kept so that the ends stay open.
  private struct Pipes: @unchecked Sendable {
    // Holds because nobody calls into the two objects after `init`; they are only kept.
    let process: Process
    let input: Pipe
  }

  init(_ tool: CommandLineTool, _ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: tool.path)
    process.arguments = arguments
    let output = Pipe()
    let standardInput = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = standardInput
    output.fileHandleForReading.readabilityHandler = { [collector] handle in
      let data = handle.availableData
      if data.isEmpty {
        handle.readabilityHandler = nil
        collector.state.withLock { $0.hasEnded = true }
      } else {
        collector.state.withLock { $0.text += String(decoding: data, as: UTF8.self) }
      }
    }
    try process.run()
    identifier = process.processIdentifier
    input = standardInput.fileHandleForWriting.fileDescriptor
    pipes = Pipes(process: process, input: standardInput)
  }

  deinit { stop() }

  func stop() { kill(identifier, SIGKILL) }

  var output: String { collector.state.withLock { $0.text } }

  func type(_ text: String) {
    let bytes = Array(text.utf8)
    _ = write(input, bytes, bytes.count)
  }

  /// Waits until its output holds `text`; false after ten seconds, or once it has ended
  /// without.
  func hasSaid(_ text: String) async throws -> Bool {
    for _ in 0..<1000 {
      let (said, ended) = collector.state.withLock { ($0.text.contains(text), $0.hasEnded) }
      if said { return true }
      if ended { return false }
      try await Task.sleep(for: .milliseconds(10))
    }
    return false
  }
}
