/// Whether a device asks its edge for a sign of life when a user begins to speak: then it knows, before it decides,
/// whether anybody is there and how long he lets one wait. `LinkEstimator.observeProbe` is told of it.
public enum SignOfLife {
  /// Not on a radio that it keeps awake; not under a policy that never offloads; and not under a budget, whose bytes
  /// must be set aside before they are spent.
  /// - Parameter policy: its name.
  public static func isWanted(policy: String, costs: CostPredictor) -> Bool {
    policy != AlwaysLocalPolicy.name && policy != BudgetPolicy.name && costs.isProbeCheap
  }
}
