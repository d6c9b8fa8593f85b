import Foundation

/// SplitMix64 (Steele, Lea and Flood 2014): small, fast, and the same on every machine.
///
/// All chance in a simulation comes from one of these, made from the seed. Independent streams are made
/// with `stream(_:)`, so that what one part draws never shifts what another draws: two policies under one
/// seed meet the same links, arrivals and background load.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return Self.mix(state)
  }

  /// A generator for a numbered purpose; the same numbers give the same stream, and this one is not moved.
  public func stream(_ numbers: UInt64...) -> SeededGenerator {
    var seed = state
    for number in numbers {
      seed = Self.mix(seed ^ Self.mix(number &+ 0x632B_E59B_D9B4_E019))
    }
    return SeededGenerator(seed: seed)
  }

  /// Uniform in [0, 1), with 53 random bits.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Exponential with this mean; 0 for a mean that is not positive.
  public mutating func exponential(mean: Double) -> Double {
    // One draw in every case, so that streams stay aligned when a setting becomes 0.
    let draw = -log(1 - uniform())
    return mean > 0 ? draw * mean : 0
  }

  /// Uniform in 0..<count; `count` must be positive.
  public mutating func index(below count: Int) -> Int {
    // The bias of a 64-bit remainder is below 2^-40 for any count that fits into memory here.
    Int(next() % UInt64(count))
  }

  /// An index drawn in proportion to `weights`, which hold no negative number and one that is positive.
  public mutating func index(weights: [Double]) -> Int {
    var left = uniform() * weights.reduce(0, +)
    for (index, weight) in weights.enumerated() where weight > 0 {
      left -= weight
      if left < 0 { return index }
    }
    return weights.lastIndex { $0 > 0 } ?? 0
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
