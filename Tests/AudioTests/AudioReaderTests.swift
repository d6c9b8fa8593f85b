import Foundation
import Testing

@testable import Audio

/// A WAV file of 32-bit floats, or of 16-bit integers, written by hand so that any sample can be in it.
func writeWave(
  _ samples: [Float], rate: Int, channels: Int = 1, path: String = temporaryPath("wav")
) throws -> String {
  var bytes = Data()
  func add<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }
  let size = samples.count * 4
  bytes.append(contentsOf: "RIFF".utf8)
  add(UInt32(36 + size))
  bytes.append(contentsOf: "WAVEfmt ".utf8)
  add(UInt32(16))
  add(UInt16(3))
  add(UInt16(channels))
  add(UInt32(rate))
  add(UInt32(rate * channels * 4))
  add(UInt16(channels * 4))
  add(UInt16(32))
  bytes.append(contentsOf: "data".utf8)
  add(UInt32(size))
  for sample in samples { add(sample.bitPattern) }
  try bytes.write(to: URL(fileURLWithPath: path))
  return path
}

func temporaryPath(_ fileExtension: String) -> String {
  NSTemporaryDirectory() + UUID().uuidString + "." + fileExtension
}

func tone(_ hertz: Double, seconds: Double, rate: Int, channels: Int = 1) -> [Float] {
  var samples: [Float] = []
  for i in 0..<Int(seconds * Double(rate)) {
    let phase: Double = 2 * Double.pi * hertz * Double(i) / Double(rate)
    samples += repeatElement(Float(0.5 * sin(phase)), count: channels)
  }
  return samples
}

@Suite("Reading audio files")
struct AudioReaderTests {
  @Test(
    "8, 16, 44.1 and 48 kHz, mono and stereo, give the same tone at 16 kHz",
    arguments: [(8_000, 1), (16_000, 1), (22_050, 1), (44_100, 2), (48_000, 2)])
  func rates(rate: Int, channels: Int) throws {
    let path = try writeWave(
      tone(440, seconds: 1.5, rate: rate, channels: channels), rate: rate, channels: channels)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let samples = try AudioReader.readAll(path: path)
    #expect(abs(samples.count - 24_000) <= 40)
    let expected = tone(440, seconds: 1.5, rate: 16_000)
    let middle = 4_000..<20_000
    let difference = middle.map { abs(samples[$0] - expected[$0]) }.max()!
    #expect(difference < 0.02)
  }

  @Test func badFilesAreNamed() throws {
    let missing = "/nowhere/speech.wav"
    #expect(throws: AudioError.notFound(path: missing)) { try AudioReader(path: missing) }

    let empty = temporaryPath("wav")
    try Data().write(to: URL(fileURLWithPath: empty))
    #expect(throws: AudioError.empty(path: empty)) { try AudioReader(path: empty) }

    let text = temporaryPath("wav")
    try Data("this is no audio at all".utf8).write(to: URL(fileURLWithPath: text))
    #expect {
      try AudioReader(path: text)
    } throws: { error in
      if case .notAudio(let path, _) = error as? AudioError { path == text } else { false }
    }
    #expect(throws: AudioError.self) { try AudioReader(path: "/tmp") }

    let none = try writeWave([], rate: 16_000)
    #expect(throws: AudioError.noSamples(path: none)) { try AudioReader.readAll(path: none) }

    var samples = tone(440, seconds: 2, rate: 16_000)
    samples[20_001] = .nan
    let poisoned = try writeWave(samples, rate: 16_000)
    #expect(throws: AudioError.nonFinite(path: poisoned, sample: 20_001)) {
      try AudioReader.readAll(path: poisoned)
    }
    for path in [empty, text, none, poisoned] { try FileManager.default.removeItem(atPath: path) }
  }

  @Test func messagesNameTheRemedy() {
    #expect("\(AudioError.noSamples(path: "a.wav"))".contains("a.wav"))
    #expect("\(AudioError.notAudio(path: "a", reason: "b"))".contains("WAV"))
  }
}
