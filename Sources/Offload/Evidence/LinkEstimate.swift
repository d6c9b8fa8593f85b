/// What is known of the way to the edge at one moment. Made by `LinkEstimator`.
public struct LinkEstimate: Hashable, Codable, Sendable {
  /// Whether there is a connection.
  public enum Connectivity: String, Hashable, Codable, Sendable {
    /// Never tried.
    case unknown
    case connected
    case disconnected
  }

  public var connectivity: Connectivity
  /// Uplink bandwidth in bits/s; nil if it is not known.
  public var bandwidth: Percentiles?
  /// Round trip of a small message in seconds; nil if it is not known.
  public var roundTrip: Percentiles?
  /// Observations behind `bandwidth` and `roundTrip`.
  public var sampleCount: Int
  /// Seconds since the latest observation; nil without one.
  public var age: Double?
  /// Probability that a transfer gets nothing through; nil without any transfer.
  public var silence: Double?

  public init(
    connectivity: Connectivity, bandwidth: Percentiles?, roundTrip: Percentiles?, sampleCount: Int,
    age: Double?, silence: Double? = nil
  ) {
    self.connectivity = connectivity
    self.bandwidth = bandwidth
    self.roundTrip = roundTrip
    self.sampleCount = sampleCount
    self.age = age
    self.silence = silence
  }

  /// Nothing is known: not even whether there is a link.
  public static let unknown = LinkEstimate(
    connectivity: .unknown, bandwidth: nil, roundTrip: nil, sampleCount: 0, age: nil)

  /// True if both bandwidth and round trip are known.
  public var isKnown: Bool { bandwidth != nil && roundTrip != nil }
}
