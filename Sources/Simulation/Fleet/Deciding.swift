import Offload

/// An utterance between its end and what its session decides on.
struct Deciding {
  var listening: Listening
  var session: UtteranceSession
  var thread: LocalThread
  /// The time of the latest event.
  var clock: Double
  /// What was sent in vain so far.
  var sunk: SunkUse
  var isDeadlineTold = false

  init(listening: Listening, session: UtteranceSession, thread: LocalThread, clock: Double) {
    self.listening = listening
    self.session = session
    self.thread = thread
    self.clock = clock
    sunk = listening.probe
  }
}
