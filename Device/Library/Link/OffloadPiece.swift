/// What an utterance's stream is fed with, in order.
enum OffloadPiece: Sendable {
  /// The next frames, `[n, dimension]`.
  case features([Float])
  /// All frames are there, and the edge is to answer within `deadline` seconds; nil: as the header said.
  case end(deadline: Double?)
}
