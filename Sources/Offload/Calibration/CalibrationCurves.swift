/// What was fitted for an exit on utterances of about one length.
///
/// A confidence is a mean over an utterance's tokens: of a command and of a sentence the same value promises
/// different error rates, so that one curve for both would be wrong for either.
public struct CalibrationCurves: Hashable, Codable, Sendable {
  /// As in `CalibrationEntry`, of these utterances only.
  public var reached: Int
  public var accepted: Int
  public var acceptedErrorRate: Double?
  public var acceptedEdgeErrorRate: Double?
  public var errorRate: ErrorRateCurve
  public var nextExitErrorRate: ErrorRateCurve
  public var edgeErrorRate: ErrorRateCurve
  public var meanErrorRate: Double?
  public var meanEdgeErrorRate: Double?
  public var classes: ConfidenceClasses?
}

extension CalibrationEntry {
  /// Utterances with fewer expected words are short.
  public static let shortWords = 2.5

  /// The entry for an utterance with so many expected words: with the curves of its length, if they were fitted.
  func `for`(words: Double) -> CalibrationEntry {
    guard let curves = words < Self.shortWords ? short : long else { return self }
    var entry = self
    entry.reached = curves.reached
    entry.accepted = curves.accepted
    entry.acceptedErrorRate = curves.acceptedErrorRate
    entry.acceptedEdgeErrorRate = curves.acceptedEdgeErrorRate
    entry.errorRate = curves.errorRate
    entry.nextExitErrorRate = curves.nextExitErrorRate
    entry.edgeErrorRate = curves.edgeErrorRate
    entry.meanErrorRate = curves.meanErrorRate
    entry.meanEdgeErrorRate = curves.meanEdgeErrorRate
    entry.classes = curves.classes
    return entry
  }
}
