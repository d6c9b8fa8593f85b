/// What can be wrong with an utterance.
public enum RecognitionError: Error, Equatable, CustomStringConvertible {
  case noSamples
  case tooLong(seconds: Double, limit: Double)
  case nonFinite(sample: Int)
  /// The utterance was finished or cancelled before.
  case over
  /// A call came before the one before it had returned.
  case overlapping

  public var description: String {
    switch self {
    case .noSamples: "the utterance has 0 samples: there is nothing to recognise"
    case .tooLong(let seconds, let limit):
      "the utterance lasts \(seconds) s and the limit is \(limit) s; cut it with Endpointer, or raise maximumUtteranceSeconds"
    case .over: "the utterance is over: begin another one"
    case .overlapping:
      "another call of this utterance has not returned yet: its samples come one after the other"
    case .nonFinite(let sample): "sample \(sample) of the utterance is not a finite number"
    }
  }
}
