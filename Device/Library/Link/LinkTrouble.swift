import Logging
import Synchronization

/// What keeps the device from its edge: said once, counted, over when the edge is reached.
///
/// The same sentence again is logged at level `info` only: a device tries for as long as it runs.
final class LinkTrouble: Sendable {
  private struct State {
    var told: String?
    var attempts = 0
  }

  private let state = Mutex(State())
  private let edge: String
  private let log: Logger

  /// - Parameter edge: such as `edge.local:7443`.
  init(edge: String, log: Logger) {
    self.edge = edge
    self.log = log
  }

  /// Attempts that have failed since the edge was last reached.
  var attempts: Int { state.withLock { $0.attempts } }

  /// Something is wrong that the next attempt will meet.
  func say(_ why: String) {
    let isNews = state.withLock { state in
      defer { state.told = why }
      return state.told != why
    }
    log.log(
      level: isNews ? .warning : .info,
      "the edge \(edge) cannot be reached: \(why); recognition goes on without it")
  }

  /// An attempt has failed.
  func failed(_ why: String) {
    state.withLock { $0.attempts += 1 }
    say(why)
  }

  func reached() {
    let attempts = state.withLock { state in
      defer { state = State() }
      return state.attempts
    }
    guard attempts > 0 else { return }
    log.notice("the edge \(edge) is reached again after \(attempts) attempts that failed")
  }
}
