/// Policies by name. A new policy is one file and one row here.
public enum PolicyRegistry {
  private static let makers: [(name: String, make: @Sendable (PolicySettings) -> any Policy)] = [
    (AlwaysLocalPolicy.name, { AlwaysLocalPolicy($0) }),
    (AlwaysEdgePolicy.name, { AlwaysEdgePolicy($0) }),
    (ConfidencePolicy.name, { ConfidencePolicy($0) }),
  ]

  /// Every name, in the order in which help lists them.
  public static var names: [String] { makers.map(\.name) }

  /// The policy called `name`.
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
