/// Subtracts a running mean that starts at the training data's, and divides by the training
/// data's standard deviation, per bin. It looks only back, so it streams.
public struct RunningNormalization: Sendable {
  private var mean: [Double]
  private let inverseDeviation: [Double]
  private var frames = 0
  private let priorFrames: Int
  private let maximumFrames: Int

  /// `mean` and `standardDeviation`: `[melBins]`, the deviations positive.
  public init(
    mean: some Collection<Float>, standardDeviation: some Collection<Float>,
    configuration: FeatureConfiguration
  ) {
    self.mean = mean.map(Double.init)
    inverseDeviation = standardDeviation.map { 1 / Double($0) }
    priorFrames = configuration.priorFrames
    maximumFrames = configuration.maximumFrames
  }

  /// In place; `logMel` is `[n, melBins]`.
  public mutating func apply(_ logMel: inout [Float]) {
    let bins = mean.count
    for frame in 0..<(logMel.count / bins) {
      let count = Double(min(priorFrames + frames + 1, maximumFrames))
      for bin in 0..<bins {
        let value = Double(logMel[frame * bins + bin])
        mean[bin] += (value - mean[bin]) / count
        logMel[frame * bins + bin] = Float((value - mean[bin]) * inverseDeviation[bin])
      }
      frames += 1
    }
  }
}
