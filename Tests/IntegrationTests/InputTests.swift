import Foundation
import Testing

@testable import TandemDevice

@Suite("Bad and unusual sound", .timeLimit(.minutes(5)))
struct InputTests {
  private let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "tandem-input-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private func error(_ samples: [Float]) async throws -> RecognitionError? {
    let device = try TestEdge.device(nil, policy: "always-local") { $0.maximumUtteranceSeconds = 5 }
    do {
      _ = try await device.recognize(samples)
      return nil
    } catch let error as RecognitionError {
      return error
    }
  }

  @Test func noSamples() async throws {
    #expect(try await error([]) == .noSamples)
    #expect("\(RecognitionError.noSamples)".contains("0 samples"))
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func notANumber(value: Float) async throws {
    var samples = Sound.bursts(seconds: 1)
    samples[1_234] = value
    let found = try await error(samples)
    #expect(found == .nonFinite(sample: 1_234))
    #expect(found.map { "\($0)".contains("1234") } == true)
  }

  @Test func tooLong() async throws {
    let found = try await error(Sound.bursts(seconds: 6))
    #expect(found == .tooLong(seconds: 6, limit: 5))
    #expect(found.map { "\($0)".contains("6.0 s") && "\($0)".contains("5.0 s") } == true)
    #expect(try await error(Sound.bursts(seconds: 5)) == nil)
  }

  @Test("A sample, a window, silence: short and empty sound has an answer, here and at the edge")
  func tiny() async throws {
    try await TestEdge.run { server in
      let link = try TestEdge.link(port: server.port)
      _ = try await link.describe()
      let device = try TestEdge.device(link)
      for samples in [
        [Float](repeating: 0.1, count: 1), [Float](repeating: 0.1, count: 400),
        [Float](repeating: 0, count: 16_000),
      ] {
        let local = try await TestEdge.device(nil, policy: "always-local").recognize(samples)
        #expect(local.origin == .exit(2))
        let shipped = try await device.recognize(samples)
        #expect(shipped.origin == .edge, "\(samples.count) samples: \(shipped.reason)")
      }
      await device.close()
    }
  }

  @Test("A long file is cut at its pauses, and nothing of it is lost or said twice")
  func longFile() async throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/long.wav"
    // Three minutes.
    try Sound.writeWAV(Sound.bursts(seconds: 15), repeats: 12, to: path)
    let device = try TestEdge.device(nil, policy: "always-local") {
      $0.maximumUtteranceSeconds = 10
    }
    var next = 0.0
    var longest = 0.0
    try await FileTranscriber(recognizer: device).transcribe(path: path) { segment in
      #expect(abs(segment.start - next) < 1e-6)
      next = segment.start + segment.recognition.utteranceSeconds
      longest = max(longest, segment.recognition.utteranceSeconds)
    }
    #expect(abs(next - 180) < 1e-6)
    #expect(longest <= 10.01)
  }
}
