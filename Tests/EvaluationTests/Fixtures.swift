import Foundation

/// The golden model of that name, as the engine's own tests use it.
func goldenModel(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("ConformerTests/Golden/\(name)").path
}

/// A 16 kHz WAV of 16-bit noise.
func writeNoise(seconds: Double) throws -> String {
  let count = Int(seconds * 16_000)
  var bytes = Data("RIFF".utf8)
  func add<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }
  add(UInt32(36 + 2 * count))
  bytes.append(contentsOf: "WAVEfmt ".utf8)
  add(UInt32(16))
  add(UInt16(1))
  add(UInt16(1))
  add(UInt32(16_000))
  add(UInt32(32_000))
  add(UInt16(2))
  add(UInt16(16))
  bytes.append(contentsOf: "data".utf8)
  add(UInt32(2 * count))
  for _ in 0..<count { add(Int16.random(in: -9_000...9_000)) }
  let path = NSTemporaryDirectory() + UUID().uuidString + ".wav"
  try bytes.write(to: URL(fileURLWithPath: path))
  return path
}
