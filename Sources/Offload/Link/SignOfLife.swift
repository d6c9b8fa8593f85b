/// Whether a device asks its edge for a sign of life when a user begins to speak: then it knows, before it decides,
/// whether anybody is there and how long he lets one wait. `LinkEstimator.observeProbe` is told of it.
///
/// A question before every utterance is worth its joules only where answers come from the edge often enough: the more
/// of them do, the dearer it may be. Pure; told of every utterance's end.
public struct SignOfLife: Sendable {
  /// Cost units that an offload gains by the device's having asked, as the scenarios of Config/scenarios showed on dev:
  /// no wait for an edge that is silent or overloaded.
  public static let worth = 0.075
  /// Weight of an utterance in the share of offloads, and the share to begin with: ask until it turns out idle.
  static let learningRate = 0.02
  static let firstShare = 0.05

  private let question: Double
  /// Running share of utterances that were offloaded.
  public private(set) var offloadShare = firstShare

  /// - Parameter policy: says whether it may be asked for at all.
  public init(policy: any Policy, costs: CostPredictor) {
    question = policy.mayProbe ? costs.probeCost : .infinity
  }

  public var isWanted: Bool { question < offloadShare * Self.worth }

  /// An utterance is over.
  /// - Parameter offloaded: whether the edge was to answer it.
  public mutating func observe(offloaded: Bool) {
    offloadShare += Self.learningRate * ((offloaded ? 1 : 0) - offloadShare)
  }
}
