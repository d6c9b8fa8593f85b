/// Writes frames of features as bytes with one codec. Pure: keeps no state between calls.
public struct FeatureEncoder: Sendable {
  public let codec: FeatureCodec
  /// Values a frame.
  public let dimension: Int

  /// - Throws: `FeatureCodecError.notPositive` for a dimension below 1.
  public init(codec: FeatureCodec, dimension: Int) throws(FeatureCodecError) {
    guard dimension > 0 else { throw .notPositive(what: "the feature dimension", value: dimension) }
    self.codec = codec
    self.dimension = dimension
  }

  /// Bytes that `encode` writes for one frame.
  public var bytesPerFrame: Int { codec.bytesPerFrame(dimension: dimension) }

  /// Encodes whole frames.
  /// - Parameter frames: `[count, dimension]`, row-major.
  /// - Returns: count * `bytesPerFrame` bytes.
  /// - Throws: `partialFrame`, or `nonFiniteFeature` naming the first NaN or infinity.
  public func encode(frames: [Float]) throws(FeatureCodecError) -> [UInt8] {
    // A `do` that names its error type, since `withUnsafeBufferPointer` rethrows only `any Error`.
    let result: Result<[UInt8], FeatureCodecError> = frames.withUnsafeBufferPointer { buffer in
      do throws(FeatureCodecError) {
        return .success(try encode(frames: buffer))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// Encodes whole frames from memory that the caller owns; see `encode(frames:)`.
  public func encode(frames: UnsafeBufferPointer<Float>) throws(FeatureCodecError) -> [UInt8] {
    guard frames.count % dimension == 0 else {
      throw .partialFrame(values: frames.count, dimension: dimension)
    }
    try checkFinite(frames)
    let count = frames.count / dimension
    let bytesPerFrame = bytesPerFrame
    return [UInt8](unsafeUninitializedCapacity: count * bytesPerFrame) { bytes, written in
      let output = UnsafeMutableRawBufferPointer(bytes)
      for index in 0..<count {
        let frame = UnsafeBufferPointer(
          rebasing: frames[index * dimension..<(index + 1) * dimension])
        switch codec.layout {
        case .float32: writeFloat32(frame, to: output, at: index * bytesPerFrame)
        case .scaledInt8: writeScaledInt8(frame, to: output, at: index * bytesPerFrame)
        }
      }
      written = count * bytesPerFrame
    }
  }

  private func checkFinite(_ values: UnsafeBufferPointer<Float>) throws(FeatureCodecError) {
    // x - x is 0 for every finite x and NaN otherwise: one branch-free pass in the good case.
    var sum: Float = 0
    for value in values { sum += value - value }
    if sum == 0 { return }
    for (position, value) in values.enumerated() where !value.isFinite {
      throw .nonFiniteFeature(frame: position / dimension, column: position % dimension)
    }
  }

  private func writeFloat32(
    _ frame: UnsafeBufferPointer<Float>, to output: UnsafeMutableRawBufferPointer, at start: Int
  ) {
    for (column, value) in frame.enumerated() {
      output.storeBytes(
        of: value.bitPattern.littleEndian, toByteOffset: start + 4 * column, as: UInt32.self)
    }
  }

  private func writeScaledInt8(
    _ frame: UnsafeBufferPointer<Float>, to output: UnsafeMutableRawBufferPointer, at start: Int
  ) {
    let scale = Int8Quantiser.scale(of: frame)
    output.storeBytes(of: scale.bitPattern.littleEndian, toByteOffset: start, as: UInt32.self)
    for (column, value) in frame.enumerated() {
      let quantised = Int8Quantiser.quantise(value, scale: scale)
      output[start + 4 + column] = UInt8(bitPattern: quantised)
    }
  }
}
