/// What a policy can be told; each takes what it needs.
public struct PolicySettings: Sendable {
  public var costs: CostPredictor
  public var calibration: Calibration
  public var criterion: ConfidenceCriterion
  /// The exit after which an utterance that is still not confident is offloaded; nil: the last.
  public var offloadAfterExit: Int?
  /// The split layer at which `always-edge` offloads; nil: the lowest that is available.
  public var splitLayer: Int?
  /// Index into `FeatureCodec.table` of the codec to use.
  public var codec: Int
  /// Seconds of speech a packet.
  public var packetDuration: Double
  /// Seconds within which `deadline` wants the edge's answer, nine times in ten.
  public var cloudLatency: Double
  /// What `budget` may spend; nil: nothing, so that it never offloads.
  public var budget: Budget?
  /// How `bandit` learns.
  public var bandit: BanditSettings
  /// How near ties are drawn.
  public var dampedChoice: DampedChoice
  /// Seed of all that is left to chance. Devices that share an edge should have different ones.
  public var seed: UInt64

  public init(
    costs: CostPredictor, calibration: Calibration,
    criterion: ConfidenceCriterion = .frameEntropy,
    offloadAfterExit: Int? = nil, splitLayer: Int? = nil, codec: Int = 1,
    packetDuration: Double = 0.32, cloudLatency: Double = 1.5, budget: Budget? = nil,
    bandit: BanditSettings = BanditSettings(), dampedChoice: DampedChoice = DampedChoice(),
    seed: UInt64 = 0
  ) {
    self.costs = costs
    self.calibration = calibration
    self.criterion = criterion
    self.offloadAfterExit = offloadAfterExit
    self.splitLayer = splitLayer
    self.codec = codec
    self.packetDuration = packetDuration
    self.cloudLatency = cloudLatency
    self.budget = budget
    self.bandit = bandit
    self.dampedChoice = dampedChoice
    self.seed = seed
  }

  /// What the calibration says under the criterion.
  var expectations: ErrorExpectations {
    ErrorExpectations(
      calibration, criterion: criterion, assumedWordsPerSecond: costs.model.wordsPerSecond)
  }
}
