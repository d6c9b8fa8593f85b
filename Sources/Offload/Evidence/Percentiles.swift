/// A distribution in three numbers.
public struct Percentiles: Hashable, Codable, Sendable {
  public var tenth: Double
  public var median: Double
  public var ninetieth: Double

  public init(tenth: Double, median: Double, ninetieth: Double) {
    self.tenth = tenth
    self.median = median
    self.ninetieth = ninetieth
  }
}
