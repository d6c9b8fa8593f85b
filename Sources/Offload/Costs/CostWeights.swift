/// What things are worth against one another. One cost unit is one second of waiting for the answer.
public struct CostWeights: Hashable, Codable, Sendable {
  /// Units per second between now and the answer.
  public var latencySecond: Double
  /// Units per joule drawn from the device.
  public var joule: Double
  /// Units per megabyte (10⁶ bytes) sent or received.
  public var megabyte: Double
  /// Units per second of one edge core.
  public var serverSecond: Double
  /// Units per expected word error in the answer.
  public var wordError: Double

  public init(
    latencySecond: Double, joule: Double, megabyte: Double, serverSecond: Double, wordError: Double
  ) {
    self.latencySecond = latencySecond
    self.joule = joule
    self.megabyte = megabyte
    self.serverSecond = serverSecond
    self.wordError = wordError
  }
}
