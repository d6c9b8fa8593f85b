/// What an edge last said of itself. Made by `EdgeEstimator`.
public struct EdgeEstimate: Hashable, Codable, Sendable {
  /// Seconds that an utterance is expected to wait before the edge works on it.
  public var expectedWait: Double
  /// Seconds since the edge said so; nil if it never did (then `expectedWait` is an assumption).
  public var age: Double?
  /// What the edge asks for one second of its time, in cost units (Config/costs.yaml); 0 if nothing.
  public var price: Double

  public init(expectedWait: Double, age: Double?, price: Double) {
    self.expectedWait = expectedWait
    self.age = age
    self.price = price
  }

  /// An edge that has said nothing yet.
  public static let unknown = EdgeEstimate(expectedWait: 0, age: nil, price: 0)
}
