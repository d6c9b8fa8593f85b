/// One thing that could be done with an utterance, and what would come of it.
struct OracleAlternative: Sendable {
  struct Edge: Sendable, Hashable {
    var splitLayer: Int
    var codec: Int
  }

  /// Exits that are computed first.
  var exitsSeen: Int
  /// Where and how it is offloaded then; nil: stops at the last exit seen.
  var edge: Edge?
  var result: UtteranceResult
}
