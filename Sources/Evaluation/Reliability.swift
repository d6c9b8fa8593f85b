/// How far predicted probabilities and what came true lie apart.
public struct Reliability: Hashable, Sendable {
  /// Predictions of similar size, and how many of them came true.
  public struct Bin: Hashable, Sendable {
    public var predicted: Double
    public var observed: Double
    public var count: Int
  }

  /// From the least sure to the surest; as equally filled as ties allow.
  public var bins: [Bin]

  /// - Parameter outcomes: a predicted probability and whether it came true, for every observation.
  public init(_ outcomes: [(probability: Double, isRight: Bool)], bins count: Int = 10) {
    let sorted = outcomes.sorted { $0.probability < $1.probability }
    bins = []
    var start = 0
    for number in 1...max(1, count) {
      let end = sorted.count * number / max(1, count)
      guard end > start else { continue }
      let part = sorted[start..<end]
      bins.append(
        Bin(
          predicted: part.reduce(0) { $0 + $1.probability } / Double(part.count),
          observed: Double(part.count { $0.isRight }) / Double(part.count), count: part.count))
      start = end
    }
  }

  /// Expected calibration error: the bins' distance between predicted and observed, weighted by their size; 0 is perfect.
  public var calibrationError: Double {
    let total = bins.reduce(0) { $0 + $1.count }
    guard total > 0 else { return 0 }
    return bins.reduce(0) { $0 + abs($1.predicted - $1.observed) * Double($1.count) }
      / Double(total)
  }
}
