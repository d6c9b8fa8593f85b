/// An utterance that is with a shared edge.
struct Exchange: Sendable {
  var context: UtteranceContext
  var plan: OffloadPlan
  /// When the features are all at the edge.
  var arrival: Double
  /// Whether it holds one of the edge's streams, and one of its workers.
  var isAdmitted = false
  var isComputing = false
}
