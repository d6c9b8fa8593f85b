import Basics
import Foundation

/// Whisper tiny.en beside us: a Python process that reads paths and answers a line of JSON for each
/// (`python -m tandem_training peer`). Optional: only `wer --peer` starts it.
public struct PeerRecognizer: Sendable {
  /// The Python that has the training package's `synthesis` extra.
  public var python: String
  /// Folder of `tandem_training`.
  public var package: String
  public var threads: Int
  /// A file to keep its lines in: recordings that stand there are not asked about again. They hold transcripts, so it is only
  /// written where one is named.
  public var kept: String?

  public init(
    python: String = ".venv/bin/python", package: String = "Training", threads: Int = 1,
    kept: String? = nil
  ) {
    self.python = python
    self.package = package
    self.threads = threads
    self.kept = kept
  }

  private struct Answer: Codable {
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
    guard let kept else { return try ask(paths, progress: progress) }
    var known = try Self.answers(kept)
    // Whole paths, so that the file serves from any folder.
    let paths = paths.map { URL(fileURLWithPath: $0).standardizedFileURL.path }
    let missing = paths.filter { known[$0] == nil }
    if !missing.isEmpty {
      for (path, text) in zip(missing, try ask(missing, progress: progress)) { known[path] = text }
      do {
        let lines = try known.sorted { $0.key < $1.key }.map {
          try JSONEncoder().encode(Answer(path: $0.key, text: $0.value)) + Data("\n".utf8)
        }
        try lines.reduce(Data(), +).write(to: URL(fileURLWithPath: kept), options: .atomic)
      } catch {
        throw .failed(reason: "\(kept) cannot be written (\(error))")
      }
    }
    return paths.map { known[$0] ?? "" }
  }

  /// What stands in a file of the peer's lines, by path; nothing where there is none.
  private static func answers(_ file: String) throws(PeerError) -> [String: String] {
    guard FileManager.default.fileExists(atPath: file) else { return [:] }
    do {
      var found: [String: String] = [:]
      let lines = TextLines.split(try Data(contentsOf: URL(fileURLWithPath: file)))
      for (number, line) in lines.enumerated() where !line.isEmpty {
        guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(line)) else {
          throw PeerError.failed(reason: "\(file), line \(number + 1), is not one of its answers")
        }
        if let text = answer.text { found[answer.path] = text }
      }
      return found
    } catch let error as PeerError {
      throw error
    } catch {
      throw .failed(reason: "\(file) cannot be read (\(error))")
    }
  }

  private func ask(
    _ paths: [String], progress: (@Sendable (Int) -> Void)?
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
