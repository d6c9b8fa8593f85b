import Foundation

@testable import ModelImport

/// A seeded generator (SplitMix64), so that a failure can be had again.
struct Seeded: RandomNumberGenerator {
  var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Random weights in the layout of a Whisper model, narrow, and the same weights in every format that is read.
struct SmallWhisper {
  var sizes: WhisperSizes
  /// By Tandem's names.
  var values: [String: [Float]] = [:]
  /// The text tokens: 256 bytes, then pairs of bytes.
  var plain: [[UInt8]]
  var multilingual: Bool { sizes.tokens >= 51_865 }

  /// A token for each byte, the end, the start, English, six more, 1,501 timestamps.
  static let fewestTokens = 256 + 2 + 1 + 6 + 1_501

  init(
    encoderLayers: Int = 2, decoderLayers: Int = 1, width: Int = 32, melBins: Int = 80,
    tokens: Int = fewestTokens, languages: Int = 1, seed: UInt64 = 1
  ) {
    sizes = WhisperSizes(
      melBins: melBins, dimension: width, encoderLayers: encoderLayers, encoderHeads: 2,
      encoderFeedForward: 4 * width, encoderPositions: 12, decoderLayers: decoderLayers,
      decoderHeads: 2, decoderFeedForward: 4 * width, decoderPositions: 16, tokens: tokens)
    plain = (0..<256).map { [UInt8($0)] }
    let count = tokens - 8 - languages - 1_501
    for pair in 0..<count - 256 { plain.append([UInt8(pair & 255), UInt8(pair >> 8)]) }
    var random = Seeded(seed)
    for tensor in WhisperTensor.edge(sizes) {
      // Multiples of 1/32 up to 2: exact in half precision, in bfloat16, and in integers with scales of 32 and 64.
      values[tensor.name] = (0..<tensor.shape.reduce(1, *)).map { _ in
        Float(Int(truncatingIfNeeded: random.next() & 127) - 64) / 32
      }
    }
  }

  /// The weights by another format's names, query, key and value joined where it joins them.
  func renamed(_ name: (WhisperTensor) -> SourceName) -> [(
    name: String, shape: [Int], values: [Float]
  )] {
    var order: [String] = []
    var parts: [String: [(part: Int, tensor: WhisperTensor)]] = [:]
    for tensor in WhisperTensor.edge(sizes) {
      let source = name(tensor)
      if parts[source.name] == nil { order.append(source.name) }
      parts[source.name, default: []].append((source.part, tensor))
    }
    return order.map { joined in
      var shape: [Int] = []
      var values: [Float] = []
      let tensors = parts[joined]!.sorted { $0.part < $1.part }
      // The key's bias, which Whisper has not: CTranslate2 writes zeros.
      let gap = tensors.count == 2 && tensors[1].part == 2
      for (part, tensor) in tensors {
        if joined.hasSuffix("linear_1/bias"), tensors.count == 1, part == 1 {
          values += [Float](repeating: 0, count: tensor.shape[0])
        }
        if gap, part == 2 { values += [Float](repeating: 0, count: tensor.shape[0]) }
        values += self.values[tensor.name]!
        shape = tensor.shape
      }
      shape[0] = values.count / shape.dropFirst().reduce(1, *)
      return (joined, shape, values)
    }
  }
}

/// Little-endian bytes.
struct Bytes {
  var data = Data()
  mutating func u8(_ value: Int) { data.append(UInt8(value)) }
  mutating func u16(_ value: Int) { append(UInt16(value)) }
  mutating func u32(_ value: Int) { append(UInt32(value)) }
  mutating func append(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) }
  }
  mutating func floats(_ values: [Float]) { for value in values { append(value.bitPattern) } }
  mutating func halves(_ values: [Float]) { for value in values { append(Bytes.half(value)) } }
  mutating func string(_ text: String) {
    u16(text.utf8.count + 1)
    data.append(contentsOf: text.utf8)
    u8(0)
  }

  /// Independent of the kernel: by the standard library where it has halves.
  static func half(_ value: Float) -> UInt16 { Float16(value).bitPattern }
}

/// A folder of its own, gone at the end.
final class Folder: Sendable {
  let path: String
  init() throws {
    path = NSTemporaryDirectory() + "import-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }
  func write(_ name: String, _ data: Data) throws {
    try data.write(to: URL(fileURLWithPath: path + "/" + name))
  }
  func json(_ name: String, _ object: Any) throws {
    try write(name, try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys]))
  }
}
