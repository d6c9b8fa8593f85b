import Foundation

/// A command of the machine's, as a peer and judge that is not ours: `openssl` unless
/// another path is given. nil where it is not installed; tests then say so or check less.
struct CommandLineTool: Sendable {
  let path: String

  init?() {
    let found = ["/usr/bin/openssl", "/usr/local/bin/openssl"]
      .first { FileManager.default.isExecutableFile(atPath: $0) }
    guard let found else { return nil }
    path = found
  }

  init?(path: String) {
    guard FileManager.default.isExecutableFile(atPath: path) else { return nil }
    self.path = path
  }

  /// As ``run(_:input:)``, on a thread of its own: waiting must not hold one of Swift's.
  func runAside(_ arguments: [String]) async throws -> (status: Int32, output: String) {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(with: Result { try run(arguments) })
      }
    }
  }

  /// Runs it to its end. `input` becomes its standard input.
  func run(_ arguments: [String], input: String = "") throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    let output = Pipe()
    let standardInput = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = standardInput
    try process.run()
    standardInput.fileHandleForWriting.write(Data(input.utf8))
    try standardInput.fileHandleForWriting.close()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  /// A Python that has what Scripts/python-client needs; looked for once.
  static let pythonWithGRPC: CommandLineTool? = {
    let named = ProcessInfo.processInfo.environment["TANDEM_PYTHON"]
    for path in [named, repository + "/.venv/bin/python"].compactMap({ $0 }) {
      guard let tool = CommandLineTool(path: path) else { continue }
      if (try? tool.run(["-c", "import grpc, grpc_tools.protoc"]))?.status == 0 { return tool }
    }
    return nil
  }()
}
