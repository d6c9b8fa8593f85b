/// When a simulated device connects: the rules of Device/Library/LinkState.swift, whose room needs sockets
/// and so cannot be used here.
///
/// After a failed attempt the next one waits, twice as long each time up to a bound; a connection that
/// worked and broke is tried again at once.
struct ConnectionState: Sendable {
  enum Phase: Sendable, Equatable {
    case idle
    /// Being made; what will come of it, and when, is settled by the link.
    case connecting(until: Double, succeeds: Bool)
    case connected
    case waiting(until: Double)
  }

  static let firstDelay = 0.2
  static let longestDelay = 15.0

  var phase = Phase.idle
  private(set) var failures = 0

  mutating func succeeded() {
    phase = .connected
    failures = 0
  }

  /// An attempt failed at `time`.
  /// - Parameter jitter: 0 to 1, random.
  mutating func attemptFailed(at time: Double, jitter: Double) {
    failures += 1
    var delay = Self.firstDelay
    for _ in 1..<max(1, min(failures, 20)) { delay = min(delay * 2, Self.longestDelay) }
    phase = .waiting(until: time + delay * (0.5 + 0.5 * jitter))
  }

  mutating func lost() {
    failures += 1
    phase = .idle
  }
}
