import Tensors

/// ggml's quantized blocks of 32 values (ggml-quants.c): a scale in half precision, for types `_1` a minimum, then the values.
/// Values 0-15 are low nibbles, 16-31 high ones; q5 has the fifth bits in a word of their own.
enum QuantizedBlocks {
  static func read(
    _ raw: UnsafeRawBufferPointer, encoding: SourceTensor.Encoding,
    into out: UnsafeMutableBufferPointer<Float>
  ) {
    let bytes = encoding.block.bytes
    for block in 0..<out.count / 32 {
      let start = block * bytes
      let scale = half(raw, start)
      let values = block * 32
      switch encoding {
      case .q80:
        for i in 0..<32 {
          out[values + i] = scale * Float(Int8(bitPattern: raw[start + 2 + i]))
        }
      case .q40:
        for i in 0..<16 {
          let byte = Int(raw[start + 2 + i])
          out[values + i] = scale * Float(byte & 15 - 8)
          out[values + 16 + i] = scale * Float(byte >> 4 - 8)
        }
      case .q41:
        let minimum = half(raw, start + 2)
        for i in 0..<16 {
          let byte = Int(raw[start + 4 + i])
          out[values + i] = scale * Float(byte & 15) + minimum
          out[values + 16 + i] = scale * Float(byte >> 4) + minimum
        }
      case .q50:
        let fifth = UInt32(
          littleEndian: raw.loadUnaligned(fromByteOffset: start + 2, as: UInt32.self))
        for i in 0..<16 {
          let (low, high) = five(raw[start + 6 + i], fifth, i)
          out[values + i] = scale * Float(low - 16)
          out[values + 16 + i] = scale * Float(high - 16)
        }
      case .q51:
        let minimum = half(raw, start + 2)
        let fifth = UInt32(
          littleEndian: raw.loadUnaligned(fromByteOffset: start + 4, as: UInt32.self))
        for i in 0..<16 {
          let (low, high) = five(raw[start + 8 + i], fifth, i)
          out[values + i] = scale * Float(low) + minimum
          out[values + 16 + i] = scale * Float(high) + minimum
        }
      default: preconditionFailure("\(encoding) has no blocks")
      }
    }
  }

  private static func five(_ byte: UInt8, _ fifth: UInt32, _ i: Int) -> (low: Int, high: Int) {
    (
      Int(byte & 15) | Int(fifth >> UInt32(i) & 1) << 4,
      Int(byte >> 4) | Int(fifth >> UInt32(i + 16) & 1) << 4
    )
  }

  private static func half(_ raw: UnsafeRawBufferPointer, _ offset: Int) -> Float {
    widenHalf(UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
  }
}
