/// When to connect to the edge, as a pure state machine: time comes in, nothing goes out but its state.
///
/// After a failure the next attempt waits, twice as long each time up to a bound, with the jitter
/// handed in, so that a thousand devices do not come back in step.
public struct LinkState: Sendable, Equatable {
  public enum Phase: Sendable, Equatable {
    case idle
    case connecting
    case connected
    /// No attempt before this time, seconds on the caller's clock.
    case waiting(until: Double)
    case closed
  }

  public private(set) var phase = Phase.idle
  public private(set) var failures = 0
  public let firstDelay: Double
  public let longestDelay: Double

  public init(firstDelay: Double = 0.2, longestDelay: Double = 15) {
    self.firstDelay = firstDelay
    self.longestDelay = longestDelay
  }

  /// Somebody wants a connection: true when the caller shall make one now.
  public mutating func wanted(at time: Double) -> Bool {
    switch phase {
    case .idle:
      phase = .connecting
      return true
    case .waiting(let until) where time >= until:
      phase = .connecting
      return true
    case .waiting, .connecting, .connected, .closed:
      return false
    }
  }

  public mutating func succeeded() {
    guard phase == .connecting else { return }
    phase = .connected
    failures = 0
  }

  /// The attempt failed, or the connection was lost.
  ///
  /// - Parameter jitter: 0 to 1, random.
  public mutating func failed(at time: Double, jitter: Double) {
    guard phase != .closed else { return }
    let wasConnected = phase == .connected
    failures += 1
    // A connection that worked and broke is tried again at once: most often the edge restarted.
    if wasConnected {
      phase = .idle
      return
    }
    var delay = firstDelay
    for _ in 1..<max(1, min(failures, 20)) { delay = min(delay * 2, longestDelay) }
    phase = .waiting(until: time + delay * (0.5 + 0.5 * min(max(jitter, 0), 1)))
  }

  public mutating func close() { phase = .closed }
}
