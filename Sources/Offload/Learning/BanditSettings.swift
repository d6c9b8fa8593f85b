/// How `BanditPolicy` explores and forgets.
public struct BanditSettings: Hashable, Codable, Sendable {
  /// Probability with which an utterance that would end otherwise is offloaded all the same, to learn.
  public var exploration: Double
  /// Utterances after which what was seen counts 1/e.
  public var memory: Double
  /// How many standard deviations better than expected an offload is taken to be.
  public var optimism: Double

  public init(exploration: Double = 0.04, memory: Double = 50, optimism: Double = 0.5) {
    self.exploration = min(max(exploration, 0), 1)
    self.memory = max(memory, 1)
    self.optimism = max(optimism, 0)
  }
}
