import Offload

/// What became of one utterance, with its true errors.
struct UtteranceResult: Sendable {
  typealias Origin = Offload.Origin
  typealias Failure = EdgeFailure

  /// When the answer was there, seconds of virtual time.
  var finish: Double
  var origin: Origin
  var offloaded: Bool
  var failure: Failure?
  var cost: ActualCost
  /// What `cost` was computed from.
  var use: MeasuredUse
  var wordErrors: Int
  /// Whether the answer came, or was to come, from a stream that began while the user spoke.
  var isAhead = false
  /// Bytes that were sent while the user spoke and were of no use.
  var sunkBytes = 0.0
}
