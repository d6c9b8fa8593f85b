/// An utterance that is with a shared edge.
struct Exchange: Sendable {
  var context: UtteranceContext
  /// nil: the user is still speaking, and nothing is decided.
  var plan: OffloadPlan?
  /// What the device has computed by the end of speech; nil as `plan`.
  var timeline: LocalTimeline?
  /// When the features are all at the edge; infinite while the user speaks.
  var arrival = Double.infinity
  /// When the stream began.
  var start: Double
  /// When the edge took it, and the wait that it told.
  var admission: (time: Double, wait: Double)?
  /// Whether it holds one of the edge's streams, and one of its workers.
  var isAdmitted = false
  var isComputing = false
}
