/// One dev utterance at one exit.
public struct CalibrationSample: Hashable, Sendable {
  /// The utterance's id: pairs the exits' samples with one another.
  public var utterance: String
  /// The exit's number, from 1.
  public var exit: Int
  /// Encoder blocks before it.
  public var afterBlock: Int
  /// The exit's confidence under the criterion that is being fitted.
  public var confidence: Double
  /// Substitutions, deletions and insertions in the exit's transcript.
  public var wordErrors: Int
  public var referenceWords: Int
  /// Errors of what the utterance would get instead: the edge's transcript, or, for a model without a
  /// second pass, the last exit's.
  public var edgeWordErrors: Int
  /// Tokens in the exit's transcript, and seconds of speech; nil where they are not known: then no `ExpectedWords` is
  /// fitted.
  public var tokens: Int?
  public var seconds: Double?

  public init(
    utterance: String, exit: Int, afterBlock: Int, confidence: Double, wordErrors: Int,
    referenceWords: Int, edgeWordErrors: Int, tokens: Int? = nil, seconds: Double? = nil
  ) {
    self.utterance = utterance
    self.exit = exit
    self.afterBlock = afterBlock
    self.confidence = confidence
    self.wordErrors = wordErrors
    self.referenceWords = referenceWords
    self.edgeWordErrors = edgeWordErrors
    self.tokens = tokens
    self.seconds = seconds
  }
}
