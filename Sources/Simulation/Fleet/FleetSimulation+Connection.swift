// The device's connection: the rules of EdgeLink.
extension FleetSimulation {
  func settle(_ number: Int, at time: Double, chance: inout SeededGenerator) {
    // The closure must not capture the inout parameter beyond this call, and does not.
    var local = chance
    devices[number].settle(at: time, crashes: configuration.edge.crashes) { local.uniform() }
    chance = local
  }

  /// Begins to connect if there is no connection and it is time to try: EdgeLink.prepare.
  func prepareConnection(
    _ number: Int, at time: Double, moment: LinkMoment, chance: inout SeededGenerator
  ) {
    settle(number, at: time, chance: &chance)
    switch devices[number].connection.phase {
    case .connected, .connecting: return
    case .waiting(let until) where time < until: return
    case .waiting, .idle: break
    }
    let link = devices[number].link
    let first = link.arrival(bytes: 100, startingAt: time, moment: moment)
    let limit = time + configuration.connectSeconds
    if let crash = configuration.edge.crashes.next(at: first), crash.contains(first) {
      // The host is there and says at once that nobody listens.
      let refused = min(limit, link.answer(startingAt: first, moment: moment))
      devices[number].connection.phase = .connecting(until: refused, succeeds: false)
      return
    }
    let done = link.arrival(
      bytes: Self.handshakeBytes, startingAt: first + moment.roundTrip / 2, moment: moment)
    let standing = done + moment.roundTrip / 2
    guard standing <= limit else {
      devices[number].connection.phase = .connecting(until: limit, succeeds: false)
      return
    }
    devices[number].connection.phase = .connecting(until: standing, succeeds: true)
    devices[number].expect(.connected(roundTrip: (standing - time) / 2), at: standing)
  }
}
