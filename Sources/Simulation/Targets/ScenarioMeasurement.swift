/// What all strategies made of one scenario, boiled down to what the targets ask.
public struct ScenarioMeasurement: Codable, Sendable {
  /// One policy beside the best fixed strategy and the informed oracle.
  public struct PolicyResult: Codable, Sendable {
    public var policy: String
    public var meanCost: Double
    /// Of the gap between the best fixed strategy and the informed oracle; negative: dearer than the fixed one. nil
    /// where there is no gap.
    public var gapClosed: Double?
    /// Share by which it is dearer than the best fixed strategy; negative: cheaper.
    public var aboveFixed: Double
    public var offloadRate: Double
    public var aheadRate: Double
    public var withdrawnRate: Double
    public var wordErrorRate: Double
    public var deadlineMisses: Int
  }

  public var measurement = "scenario"
  public var scenario: String
  public var seed: UInt64
  public var profile: String
  public var links: String
  /// Whether policies were tuned on it.
  public var isTuned: Bool
  /// Whether the oracle is exact or a bound.
  public var oracle: String
  public var utterances: Int
  public var bestFixed: String
  public var bestFixedCost: Double
  public var informedCost: Double
  public var clairvoyantCost: Double
  /// How much dearer the best fixed strategy is than the informed oracle, as a share of the oracle's cost.
  public var headroom: Double
  /// Whether it counts: a headroom of 0.15 or more.
  public var counts: Bool
  public var policies: [PolicyResult]
  /// The other fixed strategies, cheapest first.
  public var fixed: [String: Double]

  /// - Returns: nil where no fixed strategy or no oracle ran.
  init?(_ comparison: Comparison, isTuned: Bool) {
    func cost(_ strategy: Strategy) -> Double? {
      comparison.reports.first { $0.strategy == strategy.name }?.meanCost
    }
    guard let fixed = comparison.bestFixed, let headroom = comparison.headroom,
      let informed = cost(.informedOracle), let clairvoyant = cost(.clairvoyantOracle)
    else { return nil }
    scenario = comparison.scenario.name
    seed = comparison.seed
    profile = fixed.profile
    links = comparison.scenario.linkSource
    self.isTuned = isTuned
    oracle = comparison.scenario.configuration.edge.isShared ? "bound" : "exact"
    utterances = fixed.utterances
    bestFixed = fixed.strategy
    bestFixedCost = fixed.meanCost
    informedCost = informed
    clairvoyantCost = clairvoyant
    self.headroom = headroom
    counts = headroom >= 0.15
    policies = comparison.reports.filter { $0.kind == .policy }.map { report in
      PolicyResult(
        policy: report.strategy, meanCost: report.meanCost,
        gapClosed: comparison.gapClosed(report),
        aboveFixed: report.meanCost / fixed.meanCost - 1, offloadRate: report.offloadRate,
        aheadRate: report.aheadRate, withdrawnRate: report.withdrawnRate,
        wordErrorRate: report.wordErrorRate, deadlineMisses: report.deadlineMisses)
    }
    self.fixed = Dictionary(
      comparison.reports.filter { $0.kind == .fixed }.map { ($0.strategy, $0.meanCost) },
      uniquingKeysWith: { first, _ in first })
  }
}
