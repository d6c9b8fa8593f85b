import Audio
import Foundation

/// Transcribes audio files of any length in bounded memory: what is longer than an utterance may be is
/// cut at its pauses.
public struct FileTranscriber: Sendable {
  public struct Segment: Sendable {
    /// Seconds from the file's beginning.
    public var start: Double
    public var startTime: Date
    public var recognition: Recognition
  }

  private let recognizer: DeviceRecognizer

  public init(recognizer: DeviceRecognizer) { self.recognizer = recognizer }

  /// Hands every utterance to `body` as soon as it is recognised, in order.
  ///
  /// - Throws: `AudioError`, `RecognitionError`, `CancellationError`, and what `body` throws.
  public func transcribe(
    path: String, _ body: (Segment) async throws -> Void
  ) async throws {
    let configuration = recognizer.configuration
    let reader = try AudioReader(path: path)
    let limit = Int(configuration.maximumUtteranceSeconds * Double(AudioReader.sampleRate))
    // One utterance if it fits; otherwise the endpointer gets what was read and all that follows.
    var head: [Float] = []
    while head.count <= limit, let block = try reader.next() { head += block }
    if head.count <= limit {
      try await body(try await segment(head, start: 0))
      return
    }
    var endpointer = Endpointer(
      maximumSeconds: configuration.maximumUtteranceSeconds,
      silenceSeconds: configuration.endSilenceSeconds,
      margin: configuration.speechAboveNoiseDecibels)
    var block: [Float]? = head
    head = []
    while let samples = block {
      for piece in endpointer.append(samples) {
        try await body(try await segment(piece.samples, start: piece.start))
      }
      block = try reader.next()
    }
    if let piece = endpointer.finish() {
      try await body(try await segment(piece.samples, start: piece.start))
    }
  }

  private func segment(_ samples: [Float], start: Double) async throws -> Segment {
    let startTime = Date()
    return Segment(
      start: start, startTime: startTime, recognition: try await recognizer.recognize(samples))
  }
}
