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
    guard devices[number].linkState.wanted(at: time) else { return }
    let link = devices[number].link
    let first = link.arrival(bytes: 100, startingAt: time, moment: moment)
    let limit = time + configuration.connectSeconds
    if let crash = configuration.edge.crashes.next(at: first), crash.contains(first) {
      // The host is there and says at once that nobody listens.
      let refused = min(limit, link.answer(startingAt: first, moment: moment))
      devices[number].attempt = (refused, false)
      return
    }
    let done = link.arrival(
      bytes: Self.handshakeBytes, startingAt: first + moment.roundTrip / 2, moment: moment)
    let standing = done + moment.roundTrip / 2
    guard standing <= limit else {
      devices[number].attempt = (limit, false)
      return
    }
    devices[number].attempt = (standing, true)
    devices[number].expect(.connected(roundTrip: (standing - time) / 2), at: standing)
  }

  /// When a stream that is wanted at `time` can begin; or when it turns out that there is no edge.
  func streamStart(
    _ number: Int, at time: Double, moment: LinkMoment, chance: inout SeededGenerator
  ) -> (start: Double?, failure: Double) {
    // An attempt that has failed meanwhile is followed by another one when somebody asks.
    prepareConnection(number, at: time, moment: moment, chance: &chance)
    if devices[number].linkState.phase == .connected { return (time, time) }
    guard let attempt = devices[number].attempt else { return (nil, time) }
    return attempt.succeeds ? (attempt.until, time) : (nil, attempt.until)
  }
}
