import Offload

/// An utterance that is being spoken: what the device has done with it so far.
struct Listening {
  var context: UtteranceContext
  /// The utterance's own chance.
  var chance: SeededGenerator
  /// When the user began to speak.
  let began: Double
  /// nil: the device computes nothing before the end.
  var pass: StreamedPass?
  /// The rules that ship; nil for a strategy without a policy.
  var session: UtteranceSession?
  /// The next of the profile's prefixes to look at.
  var nextPrefix = 0
  var stream: Ahead?
  /// What asking for a sign of life cost.
  var probe = SunkUse.none

  /// What leaves while the user speaks, and what becomes of it.
  struct Ahead {
    var packets: AheadStream
    /// Operations of the edge for the whole utterance, and the true errors of its transcript.
    var operations: Double
    var wordErrors: Int
    /// When the edge took it, and the wait that it told; nil: not known yet.
    var admission: (time: Double, wait: Double)?
    /// When the device learns that it will not be answered, and why.
    var failure: (time: Double, why: UtteranceResult.Failure)?
    /// Its place at a shared edge.
    var slot: Int?
    /// Bytes of the whole stream that a budget allows.
    var limit: Double?
  }
}
