/// How much more a strategy costs than an oracle on the same utterances.
public struct Regret: Codable, Sendable, Hashable {
  /// The oracle's name.
  public var against: String
  /// Whether that oracle is "exact" or a "bound": then the true regret is no larger.
  public var oracle: String
  /// Cost units an utterance.
  public var mean: Double
  /// 95 % paired bootstrap interval.
  public var interval: [Double]
}
