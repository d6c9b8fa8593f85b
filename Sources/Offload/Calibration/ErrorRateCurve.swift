/// Expected word error rate as a function of confidence: a staircase that never falls as confidence falls.
///
/// Fitted by isotonic regression (pool adjacent violators; Ayer et al. 1955, and Zadrozny and Elkan 2002 for
/// calibrating classifiers): the monotone staircase with the least squared error, weighted by words.
public struct ErrorRateCurve: Hashable, Codable, Sendable {
  /// Confidences at least as sure as `limit`, and less sure than the step before, have this error rate.
  public struct Step: Hashable, Codable, Sendable {
    public var limit: Double
    /// Errors per reference word; may exceed 1.
    public var errorRate: Double

    public init(limit: Double, errorRate: Double) {
      self.limit = limit
      self.errorRate = errorRate
    }
  }

  /// From the surest to the least sure; less sure than the last step counts as the last step.
  public var steps: [Step]

  public init(steps: [Step]) {
    self.steps = steps
  }

  public static let empty = ErrorRateCurve(steps: [])

  /// Errors per reference word to be expected at `confidence`; nil for an empty curve.
  public func errorRate(at confidence: Double, criterion: ConfidenceCriterion) -> Double? {
    guard let last = steps.last else { return nil }
    // The first step that accepts, by bisection: limits are sorted.
    var lower = 0
    var upper = steps.count
    while lower < upper {
      let middle = (lower + upper) / 2
      if criterion.accepts(confidence, threshold: steps[middle].limit) {
        upper = middle
      } else {
        lower = middle + 1
      }
    }
    return lower < steps.count ? steps[lower].errorRate : last.errorRate
  }

  /// One observation: at this confidence so many errors in so many words.
  struct Observation {
    var confidence: Double
    var wordErrors: Int
    var referenceWords: Int
  }

  /// The isotonic fit. Observations whose confidence is NaN are left out.
  ///
  /// Many observations are pooled a twentieth at a time first: alone, the fit follows chance at both ends, where a handful
  /// without a single error promises that there will never be one.
  static func fit(_ observations: [Observation], criterion: ConfidenceCriterion) -> ErrorRateCurve {
    struct Pool {
      var limit: Double
      var errors: Int
      var words: Int
      // A recording without words still counts its insertions.
      var rate: Double { Double(errors) / Double(max(words, 1)) }
    }
    let sorted =
      observations
      .filter { !$0.confidence.isNaN }
      .sorted { criterion.certainty($0.confidence) > criterion.certainty($1.confidence) }
    let least = sorted.count >= 200 ? sorted.count / 20 : 1
    var pools: [Pool] = []
    var index = 0
    while index < sorted.count {
      let first = index
      var pool = Pool(limit: sorted[index].confidence, errors: 0, words: 0)
      // Equal confidences cannot be told apart: one pool. Nor is what is left over enough for one.
      while index < sorted.count,
        sorted[index].confidence == pool.limit || index - first < least
          || sorted.count - index < least
      {
        pool.limit = sorted[index].confidence
        pool.errors += sorted[index].wordErrors
        pool.words += sorted[index].referenceWords
        index += 1
      }
      while let previous = pools.last, previous.rate >= pool.rate {
        pool.errors += previous.errors
        pool.words += previous.words
        pools.removeLast()
      }
      pools.append(pool)
    }
    return ErrorRateCurve(steps: pools.map { Step(limit: $0.limit, errorRate: $0.rate) })
  }

  /// Whether limits become strictly less sure, and rates are finite and never fall.
  func isMonotone(criterion: ConfidenceCriterion) -> Bool {
    guard steps.allSatisfy({ $0.errorRate >= 0 && $0.errorRate.isFinite && !$0.limit.isNaN }) else {
      return false
    }
    return zip(steps, steps.dropFirst()).allSatisfy { surer, next in
      criterion.certainty(surer.limit) > criterion.certainty(next.limit)
        && surer.errorRate <= next.errorRate
    }
  }
}
