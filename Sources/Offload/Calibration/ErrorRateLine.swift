import Foundation

/// Expected error rate as a logistic function of confidence: two numbers, so that a few hundred utterances fix them well.
///
/// The rate is 1 / (1 + exp(-(intercept + slope * x))), with x the log-odds of a confidence from 0 to 1, or the logarithm
/// of an entropy (Platt, Probabilistic Outputs for Support Vector Machines, 1999).
public struct ErrorRateLine: Hashable, Codable, Sendable {
  public var intercept: Double
  public var slope: Double

  public init(intercept: Double, slope: Double) {
    self.intercept = intercept
    self.slope = slope
  }

  /// Errors an expected word, from 0 to 1.
  public func errorRate(at confidence: Double, criterion: ConfidenceCriterion) -> Double {
    Self.logistic(intercept + slope * Self.input(confidence, criterion))
  }

  /// One observation: at this confidence this share of the words was wrong.
  struct Observation {
    var confidence: Double
    var rate: Double
    var words: Double
  }

  /// The likeliest line, weighted by words, with a slight preference for no slope; nil for fewer than twenty observations.
  /// Rates above 1 count as 1, confidences that are NaN not at all.
  init?(fitting observations: [Observation], criterion: ConfidenceCriterion) {
    let known = observations.filter { !$0.confidence.isNaN && $0.words > 0 }
    guard known.count >= 20 else { return nil }
    let inputs = known.map { Self.input($0.confidence, criterion) }
    let mean = inputs.reduce(0, +) / Double(inputs.count)
    var offset = 0.0
    var slope = 0.0
    // Newton's method; the loss is convex.
    for _ in 0..<50 {
      // Of the loss: gradient and Hessian in (offset, slope).
      var gradient = (0.0, slope)
      var hessian = (1e-6, 0.0, 1.0)
      for (observation, input) in zip(known, inputs) {
        let x = input - mean
        let rate = Self.logistic(offset + slope * x)
        let error = (rate - min(max(observation.rate, 0), 1)) * observation.words
        let weight = max(rate * (1 - rate), 1e-6) * observation.words
        gradient.0 += error
        gradient.1 += error * x
        hessian.0 += weight
        hessian.1 += weight * x
        hessian.2 += weight * x * x
      }
      let determinant = hessian.0 * hessian.2 - hessian.1 * hessian.1
      guard determinant > 1e-12 else { return nil }
      let step = (
        (hessian.2 * gradient.0 - hessian.1 * gradient.1) / determinant,
        (hessian.0 * gradient.1 - hessian.1 * gradient.0) / determinant
      )
      // Far from the solution a whole step may overshoot.
      offset -= min(max(step.0, -2), 2)
      slope -= min(max(step.1, -2), 2)
      if abs(step.0) + abs(step.1) < 1e-9 { break }
    }
    guard offset.isFinite, slope.isFinite else { return nil }
    self.init(intercept: offset - slope * mean, slope: slope)
  }

  private static func input(_ confidence: Double, _ criterion: ConfidenceCriterion) -> Double {
    switch criterion {
    case .frameEntropy: return log(max(confidence, 1e-4))
    case .sentencePosterior, .wordConfidence, .agreement, .probability:
      let inside = min(max(confidence, 1e-4), 1 - 1e-4)
      return log(inside / (1 - inside))
    }
  }

  private static func logistic(_ value: Double) -> Double { 1 / (1 + exp(-value)) }
}
