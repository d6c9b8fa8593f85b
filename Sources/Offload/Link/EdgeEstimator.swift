/// Keeps what an edge last advertised, and trusts it less as it ages. Pure: times are handed in.
///
/// The expected wait goes from the advertised one towards the mean of what was advertised lately, with a
/// half-life: a queue that was long a minute ago says little, and neither does one that was empty. Going
/// towards the mean, and not towards an idle edge, is what keeps a crowd from coming back all at once
/// (Mitzenmacher, How Useful Is Old Information?, IEEE TPDS 11(1), 2000); `DampedChoice` does the rest.
public struct EdgeEstimator: Sendable {
  /// Seconds of wait that are assumed of an edge that says nothing.
  public var assumedWait: Double
  /// Seconds after which an advertised wait counts half. A queue forgets over about S / (1 - sqrt(load))^2 for a mean
  /// service of S seconds (the relaxation time of M/M/1: Cohen, The Single Server Queue, 1982): 38 s for 0.1 s at a load
  /// of 0.9. So by default what was heard a minute ago counts a quarter, where a device speaks once a minute.
  public var halfLife: Double
  /// Share that a new advertisement has in the mean; 0 keeps the mean at `assumedWait`.
  public var meanShare: Double
  /// The mean of what was advertised, starting from `assumedWait`.
  private var meanWait: Double
  private var advertised: (wait: Double, price: Double, time: Double)?

  public init(assumedWait: Double = 0.05, halfLife: Double = 30, meanShare: Double = 0.1) {
    self.assumedWait = assumedWait
    self.halfLife = halfLife
    self.meanShare = meanShare
    meanWait = assumedWait
  }

  /// The edge said at `time` how long a new utterance would wait (seconds) and what a second of its time
  /// costs. Values that are negative or not finite are not believed: false, and nothing changes.
  @discardableResult
  public mutating func observe(wait: Double, price: Double = 0, at time: Double) -> Bool {
    guard wait >= 0, wait.isFinite, price >= 0, price.isFinite, time.isFinite else { return false }
    advertised = (wait, price, time)
    meanWait += meanShare * (wait - meanWait)
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
      expectedWait: meanWait + (advertised.wait - meanWait) * trust, age: age,
      price: advertised.price)
  }
}
