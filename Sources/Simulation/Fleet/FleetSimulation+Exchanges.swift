// Offloads: to an exogenous edge at once, to a shared one event by event.
extension FleetSimulation {
  func offload(
    _ context: UtteranceContext, _ prepared: OffloadPlan, _ timeline: LocalTimeline,
    chance: inout SeededGenerator
  ) {
    let number = context.device
    var plan = prepared
    // An attempt that has failed meanwhile is followed by another one when somebody asks.
    prepareConnection(number, at: plan.ready, moment: context.moment, chance: &chance)
    var unreachable: Double?
    switch devices[number].connection.phase {
    case .connected: break
    case .connecting(let until, true): plan.sendStart = until
    case .connecting(let until, false): unreachable = until
    case .waiting, .idle: unreachable = plan.ready
    }
    let link = devices[number].link
    if let unreachable {
      plan.sendStart = .infinity
      complete(
        context,
        resolver.offloaded(
          context, plan, .failure(time: unreachable, .unreachable), timeline: timeline, link: link,
          arrival: .infinity, costs: devices[number].costs))
      return
    }
    let arrival = link.arrival(
      bytes: plan.bytes, startingAt: plan.sendStart, moment: context.moment)
    let deadline = max(context.deadline, plan.ready)
    guard usesSharedEdge else {
      let (outcome, admitted, wait) = exogenous.outcome(
        plan, link: link, moment: context.moment, arrival: arrival, limit: deadline)
      if case .failure(let time, .lost) = outcome, time <= deadline {
        // The connection went with the edge; `settle` finds the crash.
      } else if case .failure = outcome {
        // Refused: nothing is acknowledged.
      } else {
        expectAnswers(context, plan, admitted: admitted, wait: wait, arrival: arrival)
      }
      let result = resolver.offloaded(
        context, plan, outcome, timeline: timeline, link: link, arrival: arrival,
        costs: devices[number].costs)
      endTransfer(context, plan, result, arrival: arrival)
      complete(context, result)
      return
    }
    let slot = freeSlots.popLast() ?? slots.count
    if slot == slots.count {
      slots.append(nil)
      serials.append(0)
    }
    slots[slot] = Exchange(context: context, plan: plan, arrival: arrival)
    let start = link.arrival(
      bytes: Self.startBytes, startingAt: plan.sendStart, moment: context.moment)
    events.schedule(.startArrives(slot: slot, serial: serials[slot]), at: start)
    events.schedule(.deadline(slot: slot, serial: serials[slot]), at: deadline)
  }

  func expectAnswers(
    _ context: UtteranceContext, _ plan: OffloadPlan, admitted: Double, wait: Double,
    arrival: Double
  ) {
    let link = devices[context.device].link
    let accepted = link.answer(startingAt: admitted, moment: context.moment)
    devices[context.device].expect(
      .accepted(roundTrip: accepted - plan.sendStart, wait: wait), at: accepted)
    let acknowledged = link.answer(startingAt: arrival, moment: context.moment)
    // EdgeLink takes the time to Accepted for the round trip.
    let seconds = max(acknowledged - plan.sendStart - (accepted - plan.sendStart), 1e-4)
    devices[context.device].expect(
      .acknowledged(bytes: plan.payloadBytes, seconds: seconds), at: acknowledged)
  }

  /// What was still to come is not waited for once the utterance has its answer.
  func endTransfer(
    _ context: UtteranceContext, _ plan: OffloadPlan, _ result: UtteranceResult, arrival: Double
  ) {
    let number = context.device
    devices[number].forget(after: result.finish)
    if configuration.observesStalls, result.failure == .deadline, arrival > result.finish,
      plan.sendStart < result.finish
    {
      let bytes = devices[number].link.bytesSent(from: plan.sendStart, to: result.finish)
      devices[number].expect(
        .stalled(bytes: Int(bytes), seconds: result.finish - plan.sendStart), at: result.finish)
    }
  }

  func startArrives(_ slot: Int, at time: Double) {
    guard var exchange = slots[slot] else { return }
    let link = devices[exchange.context.device].link
    let back = link.answer(startingAt: time, moment: exchange.context.moment)
    if let crash = configuration.edge.crashes.next(at: time), crash.contains(time) {
      events.schedule(
        .failureArrives(slot: slot, serial: serials[slot], failure: .lost), at: back)
      return
    }
    guard edge.admit() else {
      events.schedule(
        .failureArrives(slot: slot, serial: serials[slot], failure: .refused), at: back)
      return
    }
    exchange.isAdmitted = true
    slots[slot] = exchange
    expectAnswers(
      exchange.context, exchange.plan, admitted: time, wait: edge.expectedWait,
      arrival: exchange.arrival)
    events.schedule(.featuresArrive(slot: slot, serial: serials[slot]), at: exchange.arrival)
  }

  func featuresArrive(_ slot: Int, at time: Double) {
    guard let exchange = slots[slot], exchange.isAdmitted else { return }
    // The slot's number and serial in one: a job whose device gave up is known by it.
    let job = SimulatedEdge.Job.exchange(
      id: slot, serial: serials[slot], operations: exchange.plan.operations)
    if edge.enqueue(job) {
      dispatch(at: time)
    } else {
      edge.release()
      slots[slot]?.isAdmitted = false
      let back = devices[exchange.context.device].link.answer(
        startingAt: time, moment: exchange.context.moment)
      events.schedule(
        .failureArrives(slot: slot, serial: serials[slot], failure: .refused), at: back)
    }
  }

  func dispatch(at time: Double) {
    while let job = edge.dispatch() {
      switch job {
      case .background(let service):
        events.schedule(
          .backgroundServed(generation: edge.generation, seconds: service), at: time + service)
      case .exchange(let slot, let serial, let operations):
        guard serials[slot] == serial else {
          // Cancelled before its turn: it never runs.
          edge.finish(seconds: nil)
          continue
        }
        slots[slot]?.isComputing = true
        let seconds = edge.serviceSeconds(operations)
        events.schedule(
          .served(slot: slot, serial: serial, seconds: seconds), at: time + seconds)
      }
    }
  }

  func served(_ slot: Int, seconds: Double, at time: Double) {
    edge.finish(seconds: seconds)
    edge.release()
    slots[slot]?.isComputing = false
    slots[slot]?.isAdmitted = false
    if let exchange = slots[slot] {
      let back = devices[exchange.context.device].link.answer(
        startingAt: time, moment: exchange.context.moment)
      events.schedule(
        .answerArrives(slot: slot, serial: serials[slot], serverSeconds: seconds), at: back)
    }
    dispatch(at: time)
  }

  func crash(at time: Double) {
    edge.crash()
    for slot in slots.indices {
      guard let exchange = slots[slot], exchange.isAdmitted else { continue }
      slots[slot]?.isAdmitted = false
      slots[slot]?.isComputing = false
      let back = devices[exchange.context.device].link.answer(
        startingAt: time, moment: exchange.context.moment)
      // The worker's end and the features are for nobody now.
      serials[slot] += 1
      events.schedule(
        .failureArrives(slot: slot, serial: serials[slot], failure: .lost), at: back)
      events.schedule(
        .deadline(slot: slot, serial: serials[slot]),
        at: max(time, exchange.context.deadline, exchange.plan.ready))
    }
  }

  func finish(_ slot: Int, _ outcome: OffloadOutcome, at time: Double) {
    guard let exchange = slots[slot] else { return }
    slots[slot] = nil
    serials[slot] += 1
    freeSlots.append(slot)
    if exchange.isAdmitted { edge.release() }
    if exchange.isComputing {
      // The edge hears that the device has gone, and its worker stops.
      edge.finish(seconds: nil)
      dispatch(at: time)
    }
    let device = devices[exchange.context.device]
    let timeline = LocalTimeline(
      shape: shape,
      frames: (profile.utterances[exchange.context.utterance].seconds * shape.framesPerSecond)
        .rounded(.up), speed: device.speed)
    let result = resolver.offloaded(
      exchange.context, exchange.plan, outcome, timeline: timeline, link: device.link,
      arrival: exchange.arrival, costs: device.costs)
    endTransfer(exchange.context, exchange.plan, result, arrival: exchange.arrival)
    complete(exchange.context, result)
  }
}
