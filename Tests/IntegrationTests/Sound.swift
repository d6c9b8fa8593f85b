import Foundation

/// Sound for tests: bursts of noise with pauses, the same for the same seed.
enum Sound {
  /// 16 kHz samples: half a second of noise, a quarter of quiet, and so on.
  static func bursts(seconds: Double, seed: UInt64 = 1) -> [Float] {
    var random = SeededGenerator(seed)
    return (0..<Int(seconds * 16_000)).map { index in
      let loud = index % 12_000 < 8_000
      return Float.random(in: -1...1, using: &random) * (loud ? 0.3 : 0.0005)
    }
  }

  /// A mono 16-bit WAV file of `repeats` times `samples`, written piece by piece.
  static func writeWAV(_ samples: [Float], repeats: Int = 1, to path: String) throws {
    func bytes<Value: FixedWidthInteger>(_ value: Value) -> Data {
      withUnsafeBytes(of: value.littleEndian) { Data($0) }
    }
    var body = Data(capacity: samples.count * 2)
    for sample in samples { body += bytes(Int16(max(-1, min(1, sample)) * 32_767)) }
    let size = body.count * repeats
    var header = Data("RIFF".utf8) + bytes(UInt32(36 + size)) + Data("WAVEfmt ".utf8)
    header += bytes(UInt32(16)) + bytes(UInt16(1)) + bytes(UInt16(1))
    header += bytes(UInt32(16_000)) + bytes(UInt32(32_000)) + bytes(UInt16(2)) + bytes(UInt16(16))
    header += Data("data".utf8) + bytes(UInt32(size))
    try header.write(to: URL(fileURLWithPath: path))
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    defer { try? file.close() }
    try file.seekToEnd()
    for _ in 0..<repeats { try file.write(contentsOf: body) }
  }
}
