/// Policies by name. A new policy is one file and one row in `shipped`.
public struct PolicyRegistry: Sendable {
  /// The policies that ship, in the order in which help lists them.
  public static let shipped = PolicyRegistry([
    AlwaysLocalPolicy.self, AlwaysEdgePolicy.self, ConfidencePolicy.self, DeadlinePolicy.self,
    ModelBasedPolicy.self, BudgetPolicy.self, BanditPolicy.self,
  ])

  private let types: [any NamedPolicy.Type]

  /// - Parameter types: with different names; of two that are named alike the first counts.
  public init(_ types: [any NamedPolicy.Type]) { self.types = types }

  /// With one more, the caller's own.
  public func adding(_ type: any NamedPolicy.Type) -> PolicyRegistry {
    PolicyRegistry(types + [type])
  }

  /// Every name, in order.
  public var names: [String] { types.map { $0.name } }

  /// The policy called `name`, to ask what it is without making one.
  /// - Throws: `UnknownPolicyError`, which lists the known names.
  public func type(named name: String) throws(UnknownPolicyError) -> any NamedPolicy.Type {
    guard let type = types.first(where: { $0.name == name }) else {
      throw UnknownPolicyError(name: name, known: names)
    }
    return type
  }

  /// A new policy called `name`. One that learns (`LearningPolicy`) keeps its state: make one for a device's
  /// whole life.
  /// - Throws: `UnknownPolicyError`, which lists the known names.
  public func policy(
    named name: String, settings: PolicySettings
  ) throws(UnknownPolicyError) -> any Policy {
    try type(named: name).init(settings)
  }

  /// The names of the policies that ship.
  public static var names: [String] { shipped.names }

  /// A new policy of those that ship.
  /// - Throws: `UnknownPolicyError`, which lists the known names.
  public static func policy(
    named name: String, settings: PolicySettings
  ) throws(UnknownPolicyError) -> any Policy {
    try shipped.policy(named: name, settings: settings)
  }
}
