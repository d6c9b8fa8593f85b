/// Symmetric quantisation to signed bytes with one scale a frame: value ≈ scale * byte.
///
/// The error of a value is at most scale / 2 (and one rounding of the product): the scale is never
/// below largest / 127, so that no value has to be clipped.
enum Int8Quantiser {
  /// The largest byte; -128 is not used, so that the range is symmetric.
  static let limit: Float = 127

  /// The scale of a frame of finite values: 0 for an all-zero frame, otherwise at least
  /// max |value| / 127 and such that scale * 127 stays finite.
  static func scale(of frame: UnsafeBufferPointer<Float>) -> Float {
    var largest: Float = 0
    for value in frame { largest = max(largest, abs(value)) }
    if largest == 0 { return 0 }
    var scale = largest / limit
    // The quotient was rounded. Among the smallest floats that can even be down to zero: go up, or
    // the largest value would be clipped by more than half a step.
    if scale * limit < largest { scale = scale.nextUp }
    // At the other end of the range the product could be rounded to infinity.
    if !(scale * limit).isFinite { scale = scale.nextDown }
    return scale
  }

  /// The nearest byte, ties to even.
  static func quantise(_ value: Float, scale: Float) -> Int8 {
    if scale == 0 { return 0 }
    let steps = (value / scale).rounded(.toNearestOrEven)
    return Int8(max(-limit, min(limit, steps)))
  }
}
