import Offload

/// How well each policy that adapts does over the scenarios that count.
public struct GapMeasurement: Codable, Sendable {
  public struct PolicyResult: Codable, Sendable {
    public var policy: String
    /// Mean share of the gap that it closes, over the scenarios that count.
    public var meanGapClosed: Double
    /// The same without the scenarios that policies were tuned on; nil if none is left.
    public var meanGapClosedUntuned: Double?
    /// Share by which it is dearer than the best fixed strategy where it is dearest, over the scenarios that count.
    public var worstAboveFixed: Double
    public var worstScenario: String
    /// The same over all scenarios.
    public var worstAboveFixedAnywhere: Double
  }

  /// Policies that never look at anything are no adaptive ones, and a budget is a handicap.
  static let fixedPolicies: Set = [
    AlwaysLocalPolicy.name, AlwaysEdgePolicy.name, BudgetPolicy.name,
  ]

  public var measurement = "gap"
  public var scenariosThatCount: Int
  /// Best first.
  public var policies: [PolicyResult]
  public var best: String
  public var target = "60 % of the gap closed, nowhere more than 2 % above the best fixed strategy"
  public var isMet: Bool
  public var areEnoughScenarios: Bool

  /// - Returns: nil where no scenario counts.
  init?(_ scenarios: [ScenarioMeasurement]) {
    let counting = scenarios.filter(\.counts)
    guard let first = counting.first else { return nil }
    func mean(_ values: [Double]) -> Double? {
      values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }
    policies = first.policies.map(\.policy).filter { !Self.fixedPolicies.contains($0) }
      .map { policy in
        func results(_ scenarios: [ScenarioMeasurement]) -> [(
          String, ScenarioMeasurement.PolicyResult
        )] {
          scenarios.flatMap { scenario in
            scenario.policies.filter { $0.policy == policy }.map { (scenario.scenario, $0) }
          }
        }
        let counted = results(counting)
        let worst = counted.max { $0.1.aboveFixed < $1.1.aboveFixed }
        return PolicyResult(
          policy: policy, meanGapClosed: mean(counted.compactMap(\.1.gapClosed)) ?? 0,
          meanGapClosedUntuned: mean(
            results(counting.filter { !$0.isTuned }).compactMap(\.1.gapClosed)),
          worstAboveFixed: worst?.1.aboveFixed ?? 0, worstScenario: worst?.0 ?? "",
          worstAboveFixedAnywhere: results(scenarios).map(\.1.aboveFixed).max() ?? 0)
      }.sorted { $0.meanGapClosed > $1.meanGapClosed }
    scenariosThatCount = counting.count
    areEnoughScenarios = counting.count >= 6
    best = policies.first?.policy ?? ""
    isMet = policies.contains { $0.meanGapClosed >= 0.6 && $0.worstAboveFixed <= 0.02 }
  }
}
