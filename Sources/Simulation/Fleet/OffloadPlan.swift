/// What a device ships of one utterance, and what it has done by then.
struct OffloadPlan: Sendable {
  /// Exits and blocks that were computed when the features were ready.
  var exitsDone: Int
  var blocksDone: Int
  /// When that was: from then on the device goes on with the hedge.
  var ready: Double
  /// When the first byte left; the connection had to be there.
  var sendStart: Double
  var payloadBytes: Int
  /// With framing.
  var bytes: Double
  /// Operations of the edge.
  var operations: Double
  /// True errors of the edge's transcript.
  var wordErrors: Int
  /// Whether the device has a model and so a transcript of its own.
  var hedges: Bool
  /// The packets of a stream that began while the user spoke, to the last; nil: all is sent from `ready` on.
  var ahead: AheadStream?
  /// What was sent before in vain.
  var sunk = SunkUse.none

  /// When the device answers whatever the edge does: at the utterance's deadline, or, if it has no transcript of its own
  /// by then, when the features that it meant to ship are ready.
  func deadline(_ context: UtteranceContext, _ timeline: LocalTimeline) -> Double {
    hedges && (exitsDone > 0 || timeline.exitsAhead > 0)
      ? max(context.deadline, timeline.start) : max(context.deadline, ready)
  }
}
