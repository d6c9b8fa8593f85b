/// What became of the utterances that an edge was asked for.
public struct UtteranceCounts: Sendable, Equatable {
  /// With a transcript.
  public var answered: Int
  /// With a typed reason (SPEC.md, section 6).
  public var refused: Int
  /// The device ended the call, or vanished, before its answer: what it had sent ahead was not wanted after all, or
  /// its deadline had passed.
  public var withdrawn: Int
  /// Anything else.
  public var failed: Int

  public init(answered: Int = 0, refused: Int = 0, withdrawn: Int = 0, failed: Int = 0) {
    self.answered = answered
    self.refused = refused
    self.withdrawn = withdrawn
    self.failed = failed
  }
}
