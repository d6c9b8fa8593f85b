import Basics
import Commands
import Evaluation
import Foundation
import TandemDevice

/// What `transcribe` prints, one segment at a time.
struct TranscriptPrinter {
  let format: Transcribe.Format
  let hasReferences: Bool
  let nameWidth: Int

  private struct Line: Encodable {
    var file: String
    var start: Double
    var transcript: String
    var reference: String?
    var origin: String
    var confidence: Double
    var bytesSent: Int
    var bytesReceived: Int
    /// What became of what was sent while the user spoke.
    var speculation: String?
    var bytesAhead: Int?
    var milliseconds: Double
    var reason: String
  }

  func begin() throws {
    guard format == .table else { return }
    try print(
      pad("file", nameWidth), pad("answered", 8), "confidence", "  bytes", "     ms",
      hasReferences ? "transcript | reference | reason" : "transcript | reason")
  }

  /// - Throws: `OutputError`.
  func add(path: String, segment: FileTranscriber.Segment, reference: String?) throws {
    let recognition = segment.recognition
    let name = (path as NSString).lastPathComponent
    switch format {
    case .text:
      try print(recognition.text)
    case .json:
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      let line = Line(
        file: PathName.printable(path), start: segment.start, transcript: recognition.text,
        reference: reference,
        origin: "\(recognition.origin)", confidence: recognition.confidence,
        bytesSent: recognition.bytesSent, bytesReceived: recognition.bytesReceived,
        speculation: recognition.speculation?.outcome.rawValue,
        bytesAhead: recognition.speculation?.bytesAhead,
        milliseconds: recognition.latencySeconds * 1_000, reason: recognition.reason)
      try Output.write(encoder.encode(line) + Data("\n".utf8))
    case .table:
      let bytes = recognition.bytesSent + recognition.bytesReceived
      let head = String(
        format: "%10.3f %7d %7.1f", recognition.confidence, bytes,
        recognition.latencySeconds * 1_000)
      var texts = [recognition.text.isEmpty ? "(nothing)" : recognition.text]
      if let reference { texts.append(reference) }
      texts.append(recognition.reason)
      try print(
        pad(String(name.suffix(nameWidth)), nameWidth), pad("\(recognition.origin)", 8), head,
        texts.joined(separator: " | "))
    }
  }

  func end(errors: WordErrors?) throws {
    guard format == .table, let errors, let rate = errors.rate else { return }
    try print(
      String(
        format: "WER %.2f %% (%d substitutions, %d deletions, %d insertions in %d words)",
        rate * 100, errors.substitutions, errors.deletions, errors.insertions, errors.words))
  }

  private func print(_ parts: String...) throws { try Output.print(parts.joined(separator: " ")) }

  private func pad(_ text: String, _ width: Int) -> String {
    text.padding(toLength: max(width, text.count), withPad: " ", startingAt: 0)
  }
}
