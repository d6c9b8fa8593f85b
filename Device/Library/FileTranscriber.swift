import Audio
import Basics
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

  /// How fast a file's sound is handed over.
  public enum Pace: String, CaseIterable, Sendable {
    /// Every utterance at once: it is over before anything is computed.
    case fastest
    /// As if somebody were speaking: computing, and sending ahead, go on meanwhile.
    case realTime = "real-time"
  }

  /// Samples handed over at a time in real time: 80 ms, as a microphone might.
  private static let blockSamples = AudioReader.sampleRate * 80 / 1_000

  private let recognizer: DeviceRecognizer
  private let pace: Pace

  public init(recognizer: DeviceRecognizer, pace: Pace = .fastest) {
    self.recognizer = recognizer
    self.pace = pace
  }

  /// Hands every utterance to `body` as soon as it is recognised, in order.
  ///
  /// - Throws: `AudioError`, `RecognitionError`, `CancellationError`, and what `body` throws. `AudioError.incomplete` comes
  ///   after everything that could be read.
  public func transcribe(
    path: String, _ body: (Segment) async throws -> Void
  ) async throws {
    let configuration = recognizer.configuration
    let reader = try AudioReader(path: path)
    for remark in reader.remarks {
      recognizer.log.warning("\(PathName.printable(path)): \(remark)")
    }
    let limit = Int(configuration.maximumUtteranceSeconds * Double(AudioReader.sampleRate))
    // One utterance if it fits; otherwise the endpointer gets what was read and all that follows.
    var head: [Float] = []
    while head.count <= limit, let block = try reader.next() { head += block }
    if head.count <= limit {
      try await body(try await segment(head, start: 0))
      if let error = reader.incompleteness { throw error }
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
    if let error = reader.incompleteness { throw error }
  }

  private func segment(_ samples: [Float], start: Double) async throws -> Segment {
    let startTime = Date()
    // What is left out of the recognition is left out of the time that names it.
    let speech = recognizer.speech(in: samples)
    let start = start + Double(speech?.lowerBound ?? 0) / Double(AudioReader.sampleRate)
    let recognition =
      switch pace {
      case .fastest: try await recognizer.recognize(samples)
      case .realTime:
        if let speech { try await speak(samples, speech) } else { recognizer.silence(samples) }
      }
    return Segment(start: start, startTime: startTime, recognition: recognition)
  }

  private func speak(_ samples: [Float], _ speech: Range<Int>) async throws -> Recognition {
    let utterance = await recognizer.begin()
    do {
      let began = ContinuousClock.now
      var spoken = speech.lowerBound
      while spoken < speech.upperBound {
        let end = min(spoken + Self.blockSamples, speech.upperBound)
        // A block is there when its last sample was spoken.
        try await Task.sleep(
          until: began.advanced(by: .seconds(Double(end) / Double(AudioReader.sampleRate))),
          clock: .continuous)
        try await utterance.append(Array(samples[spoken..<end]))
        spoken = end
      }
      return try await utterance.finish()
    } catch {
      await utterance.cancel()
      throw error
    }
  }
}
