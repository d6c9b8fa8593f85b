import Kernels

/// The two 16-bit formats of weights.
package enum HalfFormat { case float16, bfloat16 }

/// 16-bit values, wherever they lie, to float32; `out` has room for `raw.count / 2`.
package func widenHalves(
  _ raw: UnsafeRawBufferPointer, into out: UnsafeMutablePointer<Float>, as format: HalfFormat
) {
  let count = raw.count / 2
  guard count > 0 else { return }
  // Weights files may leave halves unaligned: copy them first.
  let halves = [UInt16](unsafeUninitializedCapacity: count) { buffer, initialized in
    UnsafeMutableRawBufferPointer(buffer).copyMemory(
      from: UnsafeRawBufferPointer(rebasing: raw[..<(2 * count)]))
    initialized = count
  }
  switch format {
  case .float16: tandem_widen_f16(halves, out, count)
  case .bfloat16: tandem_widen_bf16(halves, out, count)
  }
}

/// One value of half precision.
package func widenHalf(_ half: UInt16) -> Float {
  var half = half
  var value: Float = 0
  tandem_widen_f16(&half, &value, 1)
  return value
}

/// float32 to half precision, rounded to the nearest, ties to even; what is too large becomes infinite.
package func narrowToHalves(
  _ values: UnsafePointer<Float>, into out: UnsafeMutablePointer<UInt16>, count: Int
) {
  tandem_narrow_f16(values, out, count)
}

/// Whether no value is infinite or NaN.
package func areFinite(_ values: UnsafePointer<Float>, count: Int) -> Bool {
  tandem_all_finite(values, count)
}
