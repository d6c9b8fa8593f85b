/// A point of a latency distribution: this share of the utterances was answered within so many seconds.
public struct CumulativePoint: Codable, Sendable, Hashable {
  public var seconds: Double
  public var share: Double

  public init(seconds: Double, share: Double) {
    self.seconds = seconds
    self.share = share
  }
}
