import Logging
import NIOCore
import Synchronization

/// The connections of one server: who may stay, and how all of them end.
final class OpenConnections: Sendable {
  private struct State {
    var admission: ConnectionAdmission
    var channels: [ConnectionAdmission.Number: any Channel] = [:]
    /// Connections turned away since that was logged last.
    var turnedAway = 0
    var loggedAt: NIODeadline?
  }

  private let state: Mutex<State>
  private let logger: Logger?
  /// Between two lines about connections that were turned away.
  private static let logInterval = TimeAmount.seconds(10)

  init(maximum: Int, maximumStrangers: Int, logger: Logger?) {
    state = Mutex(
      State(
        admission: ConnectionAdmission(maximum: maximum, maximumStrangers: maximumStrangers)))
    self.logger = logger
  }

  var count: Int { state.withLock { $0.admission.openCount } }

  /// - Returns: The connection's number, and whether it may stay.
  func open(_ channel: any Channel) -> (number: ConnectionAdmission.Number, isAdmitted: Bool) {
    let source = channel.remoteAddress?.ipAddress ?? "local"
    let (number, isAdmitted, victim) = state.withLock {
      state -> (ConnectionAdmission.Number, Bool, (any Channel)?) in
      let (number, verdict) = state.admission.open(from: source)
      state.channels[number] = channel
      switch verdict {
      case .admitted(let closing): return (number, true, closing.flatMap { state.channels[$0] })
      case .refused: return (number, false, nil)
      }
    }
    victim?.close(promise: nil)
    if victim != nil || !isAdmitted { logTurnedAway(source) }
    return (number, isAdmitted)
  }

  func prove(_ number: ConnectionAdmission.Number) {
    state.withLock { $0.admission.prove(number) }
  }

  func close(_ number: ConnectionAdmission.Number) {
    state.withLock { state in
      guard state.channels.removeValue(forKey: number) != nil else { return }
      state.admission.close(number)
    }
  }

  /// Ends every connection, whatever it is doing.
  func closeAll() {
    for channel in state.withLock({ Array($0.channels.values) }) { channel.close(promise: nil) }
  }

  private func logTurnedAway(_ source: String) {
    let now = NIODeadline.now()
    let line = state.withLock { state -> (count: Int, open: Int)? in
      state.turnedAway += 1
      if let last = state.loggedAt, now - last < Self.logInterval { return nil }
      defer {
        state.loggedAt = now
        state.turnedAway = 0
      }
      return (state.turnedAway, state.admission.openCount)
    }
    guard let line else { return }
    logger?.warning(
      "too many connections: some were closed before their handshake was done",
      metadata: ["closed": "\(line.count)", "open": "\(line.open)", "latestFrom": "\(source)"])
  }
}
