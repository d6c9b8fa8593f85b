/// Energy of a radio: power = joulesPerMegabit * Mbit/s + activeWatts while it transfers, then a tail
/// (Huang et al., MobiSys 2012).
public struct RadioProfile: Hashable, Codable, Sendable {
  /// Joules per 10⁶ bits sent (the same number as watts per Mbit/s).
  public var uplinkJoulesPerMegabit: Double
  /// Joules per 10⁶ bits received.
  public var downlinkJoulesPerMegabit: Double
  /// Watts while a transfer is under way.
  public var activeWatts: Double
  /// Seconds that the radio stays awake after a transfer.
  public var tailSeconds: Double
  /// Watts in the tail.
  public var tailWatts: Double

  public init(
    uplinkJoulesPerMegabit: Double, downlinkJoulesPerMegabit: Double, activeWatts: Double,
    tailSeconds: Double, tailWatts: Double
  ) {
    self.uplinkJoulesPerMegabit = uplinkJoulesPerMegabit
    self.downlinkJoulesPerMegabit = downlinkJoulesPerMegabit
    self.activeWatts = activeWatts
    self.tailSeconds = tailSeconds
    self.tailWatts = tailWatts
  }

  /// Joules for one exchange.
  /// - Parameters:
  ///   - sent, received: bytes.
  ///   - transferSeconds: how long the radio was busy.
  func joules(sent: Double, received: Double, transferSeconds: Double) -> Double {
    if sent + received <= 0 { return 0 }
    return (sent * uplinkJoulesPerMegabit + received * downlinkJoulesPerMegabit) * 8e-6
      + transferSeconds * activeWatts + tailSeconds * tailWatts
  }
}
