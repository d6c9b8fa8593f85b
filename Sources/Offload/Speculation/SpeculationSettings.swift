/// When features leave while the user still speaks.
public struct SpeculationSettings: Hashable, Codable, Sendable {
  public enum Mode: String, CaseIterable, Hashable, Codable, Sendable {
    /// Never.
    case off
    /// When an offload is likely, and sending ahead is expected to gain more than it costs.
    case worthwhile
    /// Whenever an offload is likely.
    case likely
  }

  public var mode: Mode
  /// The least probability of an offload, as the policy sees it.
  public var threshold: Double
  /// Seconds of speech before which nothing is sent: what an exit says of less means little.
  public var minimumSeconds: Double
  /// Share of the device's speed that computing while the user speaks may take.
  public var depthShare: Double

  public init(
    mode: Mode = .worthwhile, threshold: Double = 0.5, minimumSeconds: Double = 0.64,
    depthShare: Double = 0.7
  ) {
    self.mode = mode
    self.threshold = min(max(threshold, 0), 1)
    self.minimumSeconds = max(minimumSeconds, 0)
    self.depthShare = min(max(depthShare, 0), 1)
  }

  public static let off = SpeculationSettings(mode: .off)
}
