/// Chance as a function: the same seed, draw and stage always give the same number, so that deciding stays
/// pure and a run can be repeated. SplitMix64's mixing (Steele, Lea and Flood, OOPSLA 2014).
public enum Chance {
  /// A number in [0, 1).
  /// - Parameters:
  ///   - seed: the policy's.
  ///   - draw: the utterance's.
  ///   - stage: tells apart the numbers that one utterance needs.
  public static func uniform(seed: UInt64, draw: UInt64, stage: UInt64) -> Double {
    Double(bits(seed: seed, draw: draw, stage: stage) >> 11) * 0x1p-53
  }

  /// 64 bits.
  public static func bits(seed: UInt64, draw: UInt64, stage: UInt64) -> UInt64 {
    mix(mix(mix(seed &+ 0x9E37_79B9_7F4A_7C15) ^ draw) &+ stage &* 0xD1B5_4A32_D192_ED03)
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
