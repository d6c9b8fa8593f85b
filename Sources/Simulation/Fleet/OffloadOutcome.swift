/// What the edge makes of an offload, if the device waited for ever.
enum OffloadOutcome: Sendable {
  /// The transcript reaches the device at `time`; the edge's worker took `serverSeconds`.
  case answer(time: Double, serverSeconds: Double)
  /// The device learns at `time` that there will be no answer.
  case failure(time: Double, UtteranceResult.Failure)
  /// Nothing comes before the deadline.
  case silence(serverSeconds: Double)
}
