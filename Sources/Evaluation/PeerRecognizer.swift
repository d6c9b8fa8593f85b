import Foundation

/// Whisper tiny.en beside us: a Python process that reads paths and answers a line of JSON for each
/// (`python -m tandem_training peer`). Optional: only `wer --peer` starts it.
public struct PeerRecognizer: Sendable {
  /// The Python that has the training package's `synthesis` extra.
  public var python: String
  /// Folder of `tandem_training`.
  public var package: String
  public var threads: Int

  public init(python: String = ".venv/bin/python", package: String = "Training", threads: Int = 1) {
    self.python = python
    self.package = package
    self.threads = threads
  }

  private struct Answer: Decodable {
    var path: String
    var text: String?
    var error: String?
  }

  /// The peer's transcripts, in our spelling, in the order of `paths`.
  ///
  /// - Throws: `PeerError`.
  public func transcribe(
    _ paths: [String], progress: (@Sendable (Int) -> Void)? = nil
  ) throws(PeerError) -> [String] {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "tandem-peer-\(UUID().uuidString)")
    let list = folder.appendingPathComponent("paths")
    let complaints = folder.appendingPathComponent("complaints")
    let process = Process()
    let output = Pipe()
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      // A file, not a pipe: nobody has to write while somebody reads.
      try Data((paths.map { $0 + "\n" }.joined()).utf8).write(to: list)
      FileManager.default.createFile(atPath: complaints.path, contents: nil)
      process.executableURL = URL(fileURLWithPath: python)
      process.arguments = ["-m", "tandem_training", "peer", "--threads", "\(threads)"]
      var environment = ProcessInfo.processInfo.environment
      environment["PYTHONPATH"] = package
      process.environment = environment
      process.standardInput = try FileHandle(forReadingFrom: list)
      process.standardError = try FileHandle(forWritingTo: complaints)
      process.standardOutput = output
      try process.run()
      var texts: [String] = []
      var pending = Data()
      while true {
        let part = output.fileHandleForReading.availableData
        if part.isEmpty { break }
        pending.append(part)
        while let end = pending.firstIndex(of: 0x0A) {
          let line = pending[pending.startIndex..<end]
          pending.removeSubrange(pending.startIndex...end)
          let answer = try JSONDecoder().decode(Answer.self, from: Data(line))
          guard texts.count < paths.count, answer.path == paths[texts.count] else {
            throw PeerError.failed(reason: "it answered out of order")
          }
          if let error = answer.error { throw PeerError.failed(reason: error) }
          texts.append(answer.text ?? "")
          progress?(texts.count)
        }
      }
      process.waitUntilExit()
      guard process.terminationStatus == 0, texts.count == paths.count else {
        let said = (try? String(contentsOf: complaints, encoding: .utf8)) ?? ""
        throw PeerError.failed(
          reason:
            "\(python) ended with status \(process.terminationStatus) after \(texts.count) of \(paths.count) recordings: \(said.suffix(400))"
        )
      }
      return texts
    } catch let error as PeerError {
      if process.isRunning { process.terminate() }
      throw error
    } catch {
      if process.isRunning { process.terminate() }
      throw .failed(reason: "\(error)")
    }
  }
}

public enum PeerError: Error, Equatable, CustomStringConvertible {
  case failed(reason: String)

  public var description: String {
    switch self {
    case .failed(let reason):
      "the peer cannot be asked: \(reason). Install it with .venv/bin/pip install -e 'Training[synthesis]', or leave --peer out."
    }
  }
}
