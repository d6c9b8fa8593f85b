import Basics
import Synchronization

/// One question whether the edge is there, asked when a user begins to speak. Nobody waits for its answer: the link's
/// estimates know of it.
final class EdgeProbe: Sendable {
  private struct State {
    var began: ContinuousClock.Instant?
    var ended: ContinuousClock.Instant?
    var isWithdrawn = false
  }

  private let state = Mutex(State())

  /// The question leaves now; false: it is of no use any more.
  func begin() -> Bool {
    state.withLock {
      guard !$0.isWithdrawn else { return false }
      $0.began = .now
      return true
    }
  }

  /// It was answered, or given up.
  func end() { state.withLock { $0.ended = .now } }

  /// The user has stopped speaking: what has not left by now stays.
  func withdraw() { state.withLock { $0.isWithdrawn = true } }

  /// Seconds up to `end` during which it was on its way.
  func seconds(until end: ContinuousClock.Instant) -> Double {
    state.withLock { state in
      guard let began = state.began else { return 0 }
      return max(0, began.duration(to: min(state.ended ?? end, end)).seconds)
    }
  }
}
