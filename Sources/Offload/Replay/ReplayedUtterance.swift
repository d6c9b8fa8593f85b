/// One logged utterance under another policy: what its row says about what that policy would have cost.
public struct ReplayedUtterance: Hashable, Sendable {
  /// What the row says.
  public enum Verdict: Hashable, Sendable {
    /// The row holds what the other policy would have met: the cost, in cost units, and how probably the
    /// logged policy was to lead there. 1 where nothing was left to chance.
    case revealed(cost: Double, probability: Double)
    /// The logged policy did something else, by chance; other rows hold the answer.
    case hidden
    /// The logged policy would never have done what the other does: no row of its kind holds the answer.
    case unsupported
  }

  public var verdict: Verdict
  /// The doubly robust term of this row, in cost units; only meaningful where supported.
  public var doublyRobust: Double
  /// Predicted cost under the other policy, in cost units: the model alone (the direct method).
  public var predicted: Double
  /// What the logged policy cost.
  public var loggedCost: Double
  /// Whether the other policy would have offloaded.
  public var offloads: Bool
  /// What the other policy would have cost where the row holds it although the logged policy did something
  /// else and left nothing to chance: deeper exits that the hedge had computed.
  public var exactCost: Double?

  /// The inverse-propensity term of this row.
  var inversePropensity: Double {
    if case .revealed(let cost, let probability) = verdict { cost / probability } else { 0 }
  }

  /// 1 / probability where revealed, otherwise 0.
  var weight: Double {
    if case .revealed(_, let probability) = verdict { 1 / probability } else { 0 }
  }
}
