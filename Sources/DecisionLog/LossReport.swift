/// Rows that could not be written.
public struct LossReport: Hashable, Sendable {
  /// How many rows were lost since the log was opened.
  public var count: Int
  /// Why the latest one was lost; nil if none was.
  public var latestReason: String?

  public init(count: Int = 0, latestReason: String? = nil) {
    self.count = count
    self.latestReason = latestReason
  }
}
