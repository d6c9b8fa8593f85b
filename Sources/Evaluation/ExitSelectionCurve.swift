import Offload

/// Word error rate against average depth for one criterion, one threshold for all exits (arXiv 2309.09546's comparison).
public struct ExitSelectionCurve: Sendable {
  public struct Utterance: Sendable {
    /// By exit, in the criterion's own units; NaN is never sure.
    public var confidences: [Double]
    public var errors: [Int]
    public var words: Int

    public init(confidences: [Double], errors: [Int], words: Int) {
      self.confidences = confidences
      self.errors = errors
      self.words = words
    }
  }

  public struct Point: Hashable, Sendable {
    public var threshold: Double
    /// Mean number of blocks that were computed.
    public var averageDepth: Double
    public var errorRate: Double
  }

  public var criterion: ConfidenceCriterion
  /// From everything at the first exit to everything at the last.
  public var points: [Point]
  /// Area under error rate against depth, from the first exit's depth to the last's, divided by that distance: the mean
  /// error rate over all average depths. Lower is better.
  public var area: Double

  /// - Parameters:
  ///   - depths: blocks before each exit.
  ///   - resolution: thresholds that are tried, quantiles of the confidences that were seen.
  public init(
    criterion: ConfidenceCriterion, utterances: [Utterance], depths: [Int], resolution: Int = 200
  ) {
    self.criterion = criterion
    let seen = utterances.flatMap { $0.confidences.dropLast() }.filter { !$0.isNaN }.sorted {
      criterion.accepts($1, threshold: $0) && $0 != $1
    }
    // From the loosest to the strictest.
    var thresholds: [Double] = []
    for number in 0...resolution where !seen.isEmpty {
      let value = seen[min(seen.count - 1, seen.count * number / resolution)]
      if thresholds.last != value { thresholds.append(value) }
    }
    let words = max(1, utterances.reduce(0) { $0 + $1.words })
    func point(_ threshold: Double, _ exitOf: (Utterance) -> Int) -> Point {
      var depth = 0
      var errors = 0
      for utterance in utterances {
        let exit = exitOf(utterance)
        depth += depths[exit]
        errors += utterance.errors[exit]
      }
      return Point(
        threshold: threshold, averageDepth: Double(depth) / Double(max(1, utterances.count)),
        errorRate: Double(errors) / Double(words))
    }
    let last = depths.count - 1
    points =
      thresholds.map { threshold in
        point(threshold) { utterance in
          utterance.confidences.dropLast().firstIndex {
            criterion.accepts($0, threshold: threshold)
          } ?? last
        }
      } + [point(.nan) { _ in last }]
    // Everything at the first exit is a point of every curve, also where a criterion knows nothing there.
    points.insert(point(.nan) { _ in 0 }, at: 0)
    points.sort { $0.averageDepth < $1.averageDepth }
    var sum = 0.0
    for (left, right) in zip(points, points.dropFirst()) {
      sum += (right.averageDepth - left.averageDepth) * (left.errorRate + right.errorRate) / 2
    }
    let span = Double((depths.last ?? 0) - (depths.first ?? 0))
    area = span > 0 ? sum / span : points.last?.errorRate ?? 0
  }
}
