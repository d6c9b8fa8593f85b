/// What the device can still reach by itself: the expected error rates of the exits to come, and of the edge.
struct LocalOutlook {
  /// An exit that is still to come.
  struct Reach {
    var exit: ModelShape.ExitPoint
    /// Seconds and joules from now to its transcript.
    var seconds: Double
    var joules: Double
    /// Expected errors per reference word; nil if nothing was fitted for it.
    var errorRate: Double?
  }

  /// Expected error rate of the latest exit's transcript; nil before the first exit, or if not calibrated.
  var now: Double?
  /// Expected error rate of the edge's transcript; nil if not calibrated.
  var edge: Double?
  /// Exits that can be reached by the deadline, in order. Before the first exit the next one is always
  /// there: an utterance needs some transcript.
  var reaches: [Reach]

  /// The error rate of what is answered if the edge is late.
  var fallback: Double? { reaches.last?.errorRate ?? now }
}
