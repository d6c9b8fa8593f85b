/// Keeps what an edge last advertised, and trusts it less as it ages. Pure: times are handed in.
///
/// The expected wait goes from the advertised one towards `assumedWait` with a half-life: a queue that was
/// long a minute ago says little, and neither does one that was empty.
public struct EdgeEstimator: Sendable {
  /// Seconds of wait that are assumed of an edge that says nothing.
  public var assumedWait: Double
  /// Seconds after which an advertised wait counts half.
  public var halfLife: Double
  private var advertised: (wait: Double, price: Double, time: Double)?

  public init(assumedWait: Double = 0.05, halfLife: Double = 10) {
    self.assumedWait = assumedWait
    self.halfLife = halfLife
  }

  /// The edge said at `time` how long a new utterance would wait (seconds) and what a second of its time
  /// costs. Values that are negative or not finite are not believed: false, and nothing changes.
  @discardableResult
  public mutating func observe(wait: Double, price: Double = 0, at time: Double) -> Bool {
    guard wait >= 0, wait.isFinite, price >= 0, price.isFinite, time.isFinite else { return false }
    advertised = (wait, price, time)
    return true
  }

  /// What to expect at `time`.
  public func estimate(at time: Double) -> EdgeEstimate {
    guard let advertised else {
      return EdgeEstimate(expectedWait: assumedWait, age: nil, price: 0)
    }
    let age = max(0, time - advertised.time)
    let trust = exponential(-age / max(halfLife, 1e-6) * 0.693_147_180_559_945_3)
    return EdgeEstimate(
      expectedWait: assumedWait + (advertised.wait - assumedWait) * trust, age: age,
      price: advertised.price)
  }
}
