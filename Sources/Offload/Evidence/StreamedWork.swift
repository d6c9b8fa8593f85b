/// What was done of an utterance before it was over: computed and sent while the user spoke.
///
/// What is done costs nobody any more time, so predictions leave it out: blocks that are computed need not be
/// computed, frames that the edge has need not be sent.
public struct StreamedWork: Hashable, Codable, Sendable {
  /// Whether the user is still speaking. A policy is then asked what it would do if the utterance were as long as
  /// what was heard, and had been sent ahead from its beginning as fast as the link allows.
  public var isSpeaking: Bool
  /// Seconds of speech heard so far; the whole utterance once it is over.
  public var secondsHeard: Double
  /// Blocks computed of all that was heard, the heads of the exits on the way included.
  public var blocksDone: Int
  /// By block: encoder frames that have not been through it yet. What was heard last is computed exit by exit, so that the
  /// first exit need not wait for blocks that only deeper ones need. nil: all have been through `blocksDone`, none
  /// through those beyond.
  public var framesLeft: [Double]?
  /// What was sent and is still of use; nil: nothing.
  public var sent: SentAhead?
  /// Bytes that a budget has set aside for this utterance and that are not spent; nil: nothing was set aside.
  public var reservedBytes: Double?

  public init(
    isSpeaking: Bool, secondsHeard: Double, blocksDone: Int, framesLeft: [Double]? = nil,
    sent: SentAhead? = nil,
    reservedBytes: Double? = nil
  ) {
    self.isSpeaking = isSpeaking
    self.secondsHeard = secondsHeard
    self.blocksDone = blocksDone
    self.framesLeft = framesLeft
    self.sent = sent
    self.reservedBytes = reservedBytes
  }
}
