/// Reads what `FeatureEncoder` wrote. A payload comes from the network: nothing in it is trusted.
public struct FeatureDecoder: Sendable {
  public let codec: FeatureCodec

  public init(codec: FeatureCodec) {
    self.codec = codec
  }

  /// Decodes whole frames.
  /// - Parameters:
  ///   - payload: `frames` * `codec.bytesPerFrame(dimension:)` bytes.
  ///   - frames: number of frames, at least 0.
  ///   - dimension: values a frame, at least 1.
  /// - Returns: `[frames, dimension]`, row-major; every value is finite.
  /// - Throws: `wrongPayloadSize`, `nonFinitePayload`, `negativeScale`, `valueOutOfRange`, `notPositive`.
  public func decode(
    _ payload: [UInt8], frames: Int, dimension: Int
  ) throws(FeatureCodecError) -> [Float] {
    guard dimension > 0 else { throw .notPositive(what: "the feature dimension", value: dimension) }
    // Overflow-safe: both numbers may come from a hostile sender.
    let (values, overflow) = frames.multipliedReportingOverflow(by: dimension)
    let perFrame = codec.bytesPerFrame(dimension: min(dimension, 1 << 40))
    let (expected, byteOverflow) = frames.multipliedReportingOverflow(by: perFrame)
    guard frames >= 0, !overflow, !byteOverflow, expected == payload.count else {
      throw .wrongPayloadSize(
        codec: codec.name, expected: byteOverflow ? Int.max : expected, found: payload.count,
        frames: frames)
    }
    var output = [Float](repeating: 0, count: values)
    for frame in 0..<frames {
      let start = frame * perFrame
      switch codec.layout {
      case .float32:
        try readFloat32(payload, at: start, frame: frame, dimension: dimension, into: &output)
      case .scaledInt8:
        try readScaledInt8(payload, at: start, frame: frame, dimension: dimension, into: &output)
      }
    }
    return output
  }

  private func readFloat32(
    _ payload: [UInt8], at start: Int, frame: Int, dimension: Int, into output: inout [Float]
  ) throws(FeatureCodecError) {
    var sum: Float = 0
    for column in 0..<dimension {
      let value = float(payload, at: start + 4 * column)
      sum += value - value
      output[frame * dimension + column] = value
    }
    // NaN exactly if some value was not finite.
    guard sum == 0 else { throw .nonFinitePayload(codec: codec.name, frame: frame) }
  }

  private func readScaledInt8(
    _ payload: [UInt8], at start: Int, frame: Int, dimension: Int, into output: inout [Float]
  ) throws(FeatureCodecError) {
    let scale = float(payload, at: start)
    guard (scale * Int8Quantiser.limit).isFinite else {
      throw .nonFinitePayload(codec: codec.name, frame: frame)
    }
    guard scale.sign == .plus else { throw .negativeScale(frame: frame) }
    for column in 0..<dimension {
      let byte = Int8(bitPattern: payload[start + 4 + column])
      guard byte != Int8.min else { throw .valueOutOfRange(frame: frame, column: column) }
      output[frame * dimension + column] = scale * Float(byte)
    }
  }

  private func float(_ payload: [UInt8], at offset: Int) -> Float {
    let bits = payload.withUnsafeBytes {
      $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
    }
    return Float(bitPattern: UInt32(littleEndian: bits))
  }
}
