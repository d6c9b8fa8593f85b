/// Decides, given evidence, what to do next with an utterance.
///
/// Asked before the first exit (`evidence.exits` empty) and after every exit until it stops or offloads.
/// Pure: the same evidence gives the same decision. Takes less than 20 µs.
public protocol Policy: Sendable {
  /// The name in configuration, reports and the log.
  var name: String { get }

  func decide(_ evidence: Evidence) -> Decision
}
