/// What the edge answered, with what it cost to ask.
public struct OffloadAnswer: Sendable {
  public var text: String
  /// ln P(tokens) / (tokens + 1).
  public var confidence: Double
  public var serverQueueSeconds: Double
  public var serverComputeSeconds: Double
  public var decoder: String
}
