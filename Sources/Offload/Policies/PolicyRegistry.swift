/// Policies by name. A new policy is one file and one row here.
public enum PolicyRegistry {
  private static let makers: [(name: String, make: @Sendable (PolicySettings) -> any Policy)] = [
    (AlwaysLocalPolicy.name, { AlwaysLocalPolicy($0) }),
    (AlwaysEdgePolicy.name, { AlwaysEdgePolicy($0) }),
    (ConfidencePolicy.name, { ConfidencePolicy($0) }),
    (DeadlinePolicy.name, { DeadlinePolicy($0) }),
    (ModelBasedPolicy.name, { ModelBasedPolicy($0) }),
    (BudgetPolicy.name, { BudgetPolicy($0) }),
    (BanditPolicy.name, { BanditPolicy($0) }),
  ]

  /// Every name, in the order in which help lists them.
  public static var names: [String] { makers.map(\.name) }

  /// A new policy called `name`. One that learns (`LearningPolicy`) keeps its state: make one for a device's
  /// whole life.
  /// - Throws: `UnknownPolicyError`, which lists the known names.
  public static func policy(
    named name: String, settings: PolicySettings
  ) throws(UnknownPolicyError) -> any Policy {
    guard let maker = makers.first(where: { $0.name == name }) else {
      throw UnknownPolicyError(name: name, known: names)
    }
    return maker.make(settings)
  }
}
