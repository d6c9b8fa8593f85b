import Basics
import Foundation
import Testing

@testable import Audio

/// What a recording promises, what is read of it, and what is missing.
@Suite("Recordings as people have them")
struct ContainerTests {
  private let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "tandem-container-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private static let tone = (0..<16_000).map { Float(sin(Double($0) * 0.2)) * 0.5 }

  private static func little(_ value: Int, _ width: Int) -> [UInt8] {
    (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// 16-bit WAV. - Parameters: sizes: what the header says instead of the truth.
  private func wave(
    _ samples: [Float] = tone, channels: Int = 1, dataSize: Int? = nil, riffSize: Int? = nil
  ) -> Data {
    let body = samples.flatMap { Self.little(Int(max(-1, min(1, $0)) * 32_767), 2) }
    var bytes = Array("RIFF".utf8) + Self.little(riffSize ?? (36 + body.count), 4)
    bytes += Array("WAVEfmt ".utf8) + Self.little(16, 4) + Self.little(1, 2)
    bytes += Self.little(channels, 2) + Self.little(16_000, 4)
    bytes += Self.little(32_000 * channels, 4) + Self.little(2 * channels, 2) + Self.little(16, 2)
    bytes += Array("data".utf8) + Self.little(dataSize ?? body.count, 4) + body
    return Data(bytes)
  }

  private func file(_ data: Data, _ name: String = "\(UUID().uuidString).wav") throws -> String {
    let path = folder + "/" + name
    try data.write(to: URL(fileURLWithPath: path))
    return path
  }

  private func read(_ path: String) throws -> (samples: [Float], reader: AudioReader) {
    let reader = try AudioReader(path: path)
    var samples: [Float] = []
    while let block = try reader.next() { samples += block }
    return (samples, reader)
  }

  @Test(
    "Sizes that a recorder never came to fill in are the file's",
    arguments: [0, 0xFFFF_FFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFF0])
  func unknownSizes(size: Int) throws {
    let (samples, reader) = try read(file(wave(dataSize: size, riffSize: size)))
    #expect(samples.count == 16_000)
    #expect(abs(samples[100] - Self.tone[100]) < 1e-3)
    #expect(reader.incompleteness == nil)
  }

  @Test("A file that was cut off says what is missing, after what there is")
  func cutOff() throws {
    let path = try file(wave().prefix(44 + 8_000 * 2))
    let (samples, reader) = try read(path)
    #expect(samples.count == 8_000)
    guard case .incomplete(_, let promised, let missing, _)? = reader.incompleteness else {
      Issue.record("nothing is said to be missing")
      return
    }
    #expect(abs(promised - 1) < 0.01 && abs(missing - 0.5) < 0.01)
    #expect(throws: AudioError.self) { try AudioReader.readAll(path: path) }
    // Whoever wants no more than there is has it.
    #expect(try AudioReader.readAll(path: path, maximumSeconds: 0.25).count == 4_000)
  }

  @Test("Files put one behind the other are read to the end")
  func concatenated() throws {
    let (samples, reader) = try read(file(wave() + wave() + wave()))
    #expect(samples.count == 48_000)
    #expect(reader.incompleteness == nil)
    #expect(abs(samples[32_100] - Self.tone[100]) < 1e-3)
  }

  @Test func trailingChunksAreNoSound() throws {
    let data = wave() + Data("LIST".utf8) + Data([4, 0, 0, 0]) + Data("INFO".utf8)
    let (samples, reader) = try read(file(data))
    #expect(samples.count == 16_000)
    #expect(reader.incompleteness == nil)
  }

  @Test("Text and web pages are no sound, whatever they are called")
  func text() throws {
    for name in ["notes.vox", "page.mp3", "notes.gsm", "notes.wav", "notes.raw"] {
      for (content, word) in [
        ("these are words, not sound\n", "text"),
        ("<!DOCTYPE html><html>Not found</html>", "web page"),
      ] {
        let path = try file(Data(String(repeating: content, count: 60).utf8), name)
        let error = #expect(throws: AudioError.self) { try AudioReader(path: path) }
        #expect(error.map { "\($0)".contains("it is ") && "\($0)".contains(word) } == true)
      }
    }
    var wide = Data([0xFF, 0xFE])
    for byte in "words in UTF-16".utf8 { wide += Data([byte, 0]) }
    let path = try file(wide, "wide.mp3")
    #expect(throws: AudioError.self) { try AudioReader(path: path) }
  }

  @Test("Channels that cancel each other are heard all the same")
  func oppositePhase() throws {
    for factor: Float in [-1, -0.95, -1.05] {
      let stereo = Self.tone.flatMap { [$0, max(-1, min(1, $0 * factor))] }
      let (samples, _) = try read(file(wave(stereo, channels: 2)))
      #expect(samples.count == 16_000)
      let peak = samples.reduce(0) { max($0, abs($1)) }
      #expect(peak > 0.4, "\(factor)")
    }
    // Channels that agree, or have nothing to do with each other, are averaged as ever.
    for other in [Self.tone, Self.tone.reversed(), [Float](repeating: 0, count: 16_000)] {
      let stereo = zip(Self.tone, other).flatMap { [$0, $1] }
      let (samples, _) = try read(file(wave(stereo, channels: 2)))
      for index in stride(from: 0, to: 16_000, by: 997) {
        #expect(abs(samples[index] - (Self.tone[index] + other[index]) / 2) < 1e-3)
      }
    }
  }

  @Test("Floating-point samples in a 16-bit scale are brought to size, and that is said")
  func unnormalized() throws {
    var bytes = Array(wave([]))
    bytes[20] = 3  // IEEE float
    bytes.replaceSubrange(28..<32, with: Self.little(64_000, 4))
    bytes.replaceSubrange(32..<34, with: Self.little(4, 2))
    bytes.replaceSubrange(34..<36, with: Self.little(32, 2))
    var data = Data(bytes)
    for sample in Self.tone {
      withUnsafeBytes(of: (sample * 32_768).bitPattern.littleEndian) { data += Data($0) }
    }
    data.replaceSubrange(40..<44, with: Self.little(64_000, 4))
    let (samples, reader) = try read(file(data))
    #expect(samples.count == 16_000)
    #expect(abs(samples[100] - Self.tone[100]) < 1e-3)
    #expect(reader.remarks.count == 1 && reader.remarks[0].contains("32768"), "\(reader.remarks)")
  }

  @Test("A named pipe is read to its end, and an empty one is empty")
  func pipes() async throws {
    let path = folder + "/pipe"
    #expect(mkfifo(path, 0o600) == 0)
    let data = wave(dataSize: 0xFFFF_FFFF)
    async let written: Void = Self.write(data, to: path)
    let (samples, _) = try read(path)
    await written
    #expect(samples.count == 16_000)
    async let nothing: Void = Self.write(Data(), to: path)
    #expect(throws: AudioError.empty(path: path)) { try AudioReader(path: path) }
    await nothing
  }

  private static func write(_ data: Data, to path: String) async {
    await withCheckedContinuation { continuation in
      // A pipe is opened when somebody reads it.
      Thread.detachNewThread {
        let file = fopen(path, "w")
        data.withUnsafeBytes { _ = fwrite($0.baseAddress, 1, $0.count, file) }
        fclose(file)
        continuation.resume()
      }
    }
  }

  @Test func aNameThatIsNoUTF8() throws {
    let bytes = Array((folder + "/").utf8) + [0xE9, 0x74, 0xE9] + Array(".wav".utf8)
    let name = bytes.map { CChar(bitPattern: $0) } + [0]
    let descriptor = open(name, O_WRONLY | O_CREAT, 0o600)
    try #require(descriptor >= 0)
    let data = wave()
    _ = data.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
    close(descriptor)
    #expect(try read(PathName.string(bytes)).samples.count == 16_000)
  }

  /// Inputs that were found by use, beside the project.
  static let faults = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("shared/faults").path

  static let hasFaults = FileManager.default.fileExists(atPath: faults + "/flac_corrupt.flac")

  @Test(
    "The recordings that were found by use", .enabled(if: hasFaults, "../shared/faults is not here")
  )
  func foundByUse() throws {
    for (name, seconds, isWhole) in [
      ("flac_corrupt.flac", 3.1, false), ("opus_chained.opus", 5.24, true),
      ("mp3_cat_xing.mp3", 5.344, true), ("h_zero_len.wav", 3.1, true),
    ] {
      let (samples, reader) = try read(Self.faults + "/" + name)
      #expect(abs(Double(samples.count) / 16_000 - seconds) < 0.1, "\(name)")
      #expect((reader.incompleteness == nil) == isWhole, "\(name)")
    }
    let flac = try Data(contentsOf: URL(fileURLWithPath: Self.faults + "/lead5s.flac"))
    let twice = try read(file(flac + flac, "twice.flac"))
    #expect(abs(Double(twice.samples.count) / 16_000 - 16.32) < 0.01)
    #expect(twice.reader.incompleteness == nil)
    let cut = try read(file(flac.prefix(flac.count / 2), "cut.flac"))
    #expect(cut.samples.count > 32_000)
    #expect(cut.reader.incompleteness != nil)
    var holed = flac
    holed.removeSubrange(30_000..<36_000)
    let holedReading = try read(file(holed, "hole.flac"))
    // What is missing is silence, and the rest keeps its time.
    #expect(holedReading.samples.count == 130_560)
    #expect(holedReading.reader.incompleteness != nil)
    let opus = try Data(contentsOf: URL(fileURLWithPath: Self.faults + "/opus_chained.opus"))
    #expect(try read(file(opus.prefix(12_000), "cut.opus")).reader.incompleteness != nil)
    let mp3 = try Data(contentsOf: URL(fileURLWithPath: Self.faults + "/mp3_cat_xing.mp3"))
    #expect(try read(file(mp3.prefix(8_000), "cut.mp3")).reader.incompleteness != nil)
  }

  @Test("Whatever the bytes are, they are read or refused", .timeLimit(.minutes(2)))
  func randomBytes() throws {
    let heads = [
      "RIFF\u{0}\u{0}\u{0}\u{0}WAVE", "FORM\u{0}\u{0}\u{0}\u{0}AIFF", "OggS", "fLaC", "ID3", "",
    ]
    for round in 0..<300 {
      var data = Data(heads[round % heads.count].utf8)
      data += Data((0..<Int.random(in: 1...2_000)).map { _ in UInt8.random(in: 0...255) })
      let path = try file(data, "random")
      do { _ = try read(path) } catch is AudioError {}
    }
    // Damage anywhere in a good file.
    let good = wave()
    for _ in 0..<200 {
      var data = good.prefix(Int.random(in: 1...4_000))
      for _ in 0..<4 { data[Int.random(in: 0..<data.count)] = UInt8.random(in: 0...255) }
      let path = try file(data, "damaged")
      do { _ = try read(path) } catch is AudioError {}
    }
  }
}
