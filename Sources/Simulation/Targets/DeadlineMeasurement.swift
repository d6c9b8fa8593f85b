/// Whether every accepted utterance was answered by its deadline plus a tenth of a second, under every policy.
public struct DeadlineMeasurement: Codable, Sendable {
  public var measurement = "deadline"
  public var utterances: Int
  public var misses: Int
  /// "scenario, policy": how many, where any.
  public var missesBy: [String: Int]
  public var target = "every accepted utterance answered by its deadline plus 100 ms"
  public var isMet: Bool

  init(_ scenarios: [ScenarioMeasurement]) {
    utterances = 0
    missesBy = [:]
    for scenario in scenarios {
      for policy in scenario.policies {
        utterances += scenario.utterances
        if policy.deadlineMisses > 0 {
          missesBy["\(scenario.scenario), \(policy.policy)"] = policy.deadlineMisses
        }
      }
    }
    misses = missesBy.values.reduce(0, +)
    isMet = misses == 0
  }
}
