import Basics
import Foundation

/// The clock of one utterance's events: seconds since 1970 when it begins, and from there on as the monotonic clock goes, so
/// that a change of the wall clock in mid-utterance moves no deadline.
struct UtteranceClock: Sendable {
  /// When the utterance began.
  let origin = Date().timeIntervalSince1970
  private let start = ContinuousClock.now

  var now: Double { origin + start.duration(to: .now).seconds }

  /// The instant of a time of this clock.
  func instant(_ time: Double) -> ContinuousClock.Instant {
    start.advanced(by: .seconds(time - origin))
  }
}
