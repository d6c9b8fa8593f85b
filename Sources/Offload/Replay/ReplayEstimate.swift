/// A mean with its 95 % interval.
public struct ReplayEstimate: Hashable, Codable, Sendable {
  public var mean: Double
  public var lower: Double
  public var upper: Double

  /// The mean of `values`, and the percentile interval of `resamples` bootstrap samples (Efron and Tibshirani, An
  /// Introduction to the Bootstrap, 1993, chapter 13). nil without values.
  public init?(_ values: [Double], resamples: Int = 1000, seed: UInt64) {
    guard !values.isEmpty else { return nil }
    let count = values.count
    mean = values.reduce(0, +) / Double(count)
    var means: [Double] = []
    means.reserveCapacity(resamples)
    for resample in 0..<resamples {
      var state = Chance.bits(seed: seed, draw: UInt64(resample), stage: 0)
      var sum = 0.0
      for _ in 0..<count {
        // A linear congruential step (Knuth's MMIX constants): its high bits choose well and cost little.
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        sum += values[Int(((state >> 32) &* UInt64(count)) >> 32)]
      }
      means.append(sum / Double(count))
    }
    means.sort()
    lower = means[Int(0.025 * Double(resamples - 1))]
    upper = means[Int((0.975 * Double(resamples - 1)).rounded(.up))]
  }
}
