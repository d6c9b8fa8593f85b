/// What an exit's confidence says of all that is still to come: confidences fall into about equally frequent classes,
/// and each class has its error rates and leads to the classes of the next exit with counted probabilities.
///
/// A Markov chain over exits: with it the worth of going on can be worked out by dynamic programming (Bellman, Dynamic
/// Programming, 1957), where a curve only tells the next exit's mean.
public struct ConfidenceClasses: Hashable, Codable, Sendable {
  /// Where one class ends and the next, surer one begins; one fewer than there are classes.
  public var limits: [Double]
  /// By class, from the least sure on: its share of the utterances, this exit's errors and the edge's an expected word.
  public var share: [Double]
  public var errorRate: [Double]
  public var edgeErrorRate: [Double]
  /// `next[c][d]`: probability of class d at the next exit after class c; empty for the last exit.
  public var next: [[Double]]
  /// The same rates at any confidence: finer than classes, and steadier where few utterances were seen.
  public var errors: ErrorRateLine?
  public var edgeErrors: ErrorRateLine?

  public init(
    limits: [Double], share: [Double], errorRate: [Double], edgeErrorRate: [Double],
    next: [[Double]] = []
  ) {
    self.limits = limits
    self.share = share
    self.errorRate = errorRate
    self.edgeErrorRate = edgeErrorRate
    self.next = next
  }

  public var count: Int { errorRate.count }

  /// The class of a confidence; NaN is the least sure.
  func place(_ confidence: Double, criterion: ConfidenceCriterion) -> Int {
    limits.count { criterion.accepts(confidence, threshold: $0) }
  }

  /// The two classes between whose middles a confidence lies, and the share of the second: what is read at a confidence
  /// then changes as it does, and not by steps.
  func neighbours(
    _ confidence: Double, criterion: ConfidenceCriterion
  ) -> (first: Int, second: Int, share: Double) {
    let place = place(confidence, criterion: criterion)
    // The outer classes have no middle.
    guard place > 0, place < limits.count else { return (place, place, 0) }
    let width = limits[place] - limits[place - 1]
    guard width != 0 else { return (place, place, 0) }
    let position = (confidence - limits[place - 1]) / width
    guard position < 0.5 || place + 1 < limits.count else { return (place, place, 0) }
    guard position >= 0.5 || place > 1 else { return (place, place, 0) }
    return position < 0.5
      ? (place, place - 1, 0.5 - position) : (place, place + 1, position - 0.5)
  }

  /// Whether all lists fit one another and hold rates and probabilities.
  /// - Parameter following: classes of the next exit; nil if there is none.
  func isSound(criterion: ConfidenceCriterion, following: Int?) -> Bool {
    let rates = errorRate + edgeErrorRate
    guard count > 0, limits.count == count - 1, share.count == count, edgeErrorRate.count == count,
      rates.allSatisfy({ $0 >= 0 && $0.isFinite }), share.allSatisfy({ (0...1).contains($0) }),
      zip(limits, limits.dropFirst())
        .allSatisfy({ criterion.certainty($0) < criterion.certainty($1) })
    else { return false }
    guard let following else { return next.isEmpty }
    return next.count == count
      && next.allSatisfy { row in
        row.count == following && row.allSatisfy { (0...1).contains($0) }
          && abs(row.reduce(0, +) - 1) < 1e-6
      }
  }
}
