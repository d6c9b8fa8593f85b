import Offload

// Offloads: to an exogenous edge at once, to a shared one event by event.
extension FleetSimulation {
  /// Seconds of waiting for an acknowledgement that count as a stall even before the deadline.
  static let patience = 1.0

  /// Ships everything now.
  func offload(_ listening: inout Listening, _ prepared: OffloadPlan, _ timeline: LocalTimeline) {
    let context = listening.context
    let number = context.device
    var plan = prepared
    let deadline = plan.deadline(context, timeline)
    guard plan.ready <= deadline else {
      // The deadline strikes while the features are computed: nothing is sent.
      plan.sendStart = .infinity
      complete(
        context,
        resolver.offloaded(
          context, plan, .silence(serverSeconds: 0), timeline: timeline,
          link: devices[number].link, arrival: .infinity, costs: devices[number].costs))
      return
    }
    let (start, failure) = streamStart(
      number, at: plan.ready, moment: context.moment, chance: &listening.chance)
    let link = devices[number].link
    guard let start else {
      plan.sendStart = .infinity
      complete(
        context,
        resolver.offloaded(
          context, plan, .failure(time: failure, .unreachable), timeline: timeline, link: link,
          arrival: .infinity, costs: devices[number].costs))
      return
    }
    plan.sendStart = start
    let arrival = link.arrival(
      bytes: plan.bytes, startingAt: plan.sendStart, moment: context.moment)
    guard usesSharedEdge else {
      let admission = exogenous.admission(start: start, link: link, moment: context.moment)
      resolve(context, plan, timeline, admission, arrival: arrival, tellsTransfer: true)
      return
    }
    let slot = newSlot(
      Exchange(
        context: context, plan: plan, timeline: timeline, arrival: arrival, start: start))
    let first = link.arrival(
      bytes: Self.startBytes, startingAt: start, moment: context.moment)
    events.schedule(.startArrives(slot: slot, serial: serials[slot]), at: first)
    events.schedule(.deadline(slot: slot, serial: serials[slot]), at: deadline)
  }

  /// What was sent ahead becomes the offload: only its end is still to be sent.
  func keep(
    _ listening: inout Listening, _ stream: Listening.Ahead, _ prepared: OffloadPlan,
    _ timeline: LocalTimeline
  ) {
    let context = listening.context
    let link = devices[context.device].link
    var plan = prepared
    plan.sendStart = stream.packets.start
    plan.bytes = stream.packets.bytes
    plan.ahead = stream.packets
    // The features, and the word that they are all, which waits for the decision.
    let arrival = link.arrival(
      leftAt: max(stream.packets.left, plan.ready), moment: context.moment)
    if let limit = stream.limit, plan.bytes + configuration.costs.answerBytes > limit {
      withdraw(context, stream, at: plan.ready)
      plan.sunk = plan.sunk + sunk(stream, at: plan.ready)
      plan.sendStart = .infinity
      plan.ahead = nil
      complete(
        context,
        resolver.offloaded(
          context, plan, .failure(time: plan.ready, .overBudget), timeline: timeline, link: link,
          arrival: .infinity, costs: devices[context.device].costs))
      return
    }
    guard let slot = stream.slot else {
      let admission = ExogenousEdge.Admission(
        time: stream.admission?.time ?? .infinity, wait: stream.admission?.wait ?? 0,
        failure: stream.admission == nil ? stream.failure : nil)
      resolve(context, plan, timeline, admission, arrival: arrival, tellsTransfer: false)
      return
    }
    guard slots[slot] != nil else { preconditionFailure("a stream that failed is not kept") }
    slots[slot]?.plan = plan
    slots[slot]?.timeline = timeline
    slots[slot]?.arrival = arrival
    slots[slot]?.context = context
    if slots[slot]?.isAdmitted == true {
      events.schedule(.featuresArrive(slot: slot, serial: serials[slot]), at: arrival)
    }
    events.schedule(
      .deadline(slot: slot, serial: serials[slot]), at: plan.deadline(context, timeline))
  }

  /// What was sent ahead is of no use: the stream is cancelled.
  func withdraw(_ context: UtteranceContext, _ stream: Listening.Ahead, at time: Double) {
    let link = devices[context.device].link
    let admission = stream.slot.flatMap { slots[$0]?.admission } ?? stream.admission
    devices[context.device].forget(after: time)
    learn(
      context, stream.packets, at: time,
      accepted: admission.map { link.answer(startingAt: $0.time, moment: context.moment) }
        ?? .infinity, failure: nil)
    guard let slot = stream.slot, let exchange = slots[slot] else { return }
    if exchange.isAdmitted { edge.release() }
    free(slot)
  }

  private func resolve(
    _ context: UtteranceContext, _ plan: OffloadPlan, _ timeline: LocalTimeline,
    _ admission: ExogenousEdge.Admission, arrival: Double, tellsTransfer: Bool
  ) {
    let link = devices[context.device].link
    let deadline = plan.deadline(context, timeline)
    let outcome = exogenous.outcome(
      plan, admission: admission, link: link, moment: context.moment, arrival: arrival,
      limit: deadline)
    if tellsTransfer {
      if case .failure(let time, .lost) = outcome, time <= deadline {
        // The connection went with the edge; `settle` finds the crash.
      } else if case .failure = outcome {
        // Refused: nothing is acknowledged.
      } else {
        expectAccepted(
          context, start: plan.sendStart, at: admission.time, wait: admission.wait)
        expectAcknowledged(context, plan, admitted: admission.time, arrival: arrival)
      }
    }
    let result = resolver.offloaded(
      context, plan, outcome, timeline: timeline, link: link, arrival: arrival,
      costs: devices[context.device].costs)
    endTransfer(
      context, plan, result, arrival: arrival,
      accepted: link.answer(startingAt: admission.time, moment: context.moment))
    complete(context, result)
  }

  /// The device will hear that it was taken.
  func expectAccepted(_ context: UtteranceContext, start: Double, at time: Double, wait: Double) {
    let accepted = devices[context.device].link.answer(startingAt: time, moment: context.moment)
    devices[context.device].expect(
      .accepted(roundTrip: accepted - start, wait: wait), at: accepted)
  }

  private func expectAcknowledged(
    _ context: UtteranceContext, _ plan: OffloadPlan, admitted: Double, arrival: Double
  ) {
    let link = devices[context.device].link
    let accepted = link.answer(startingAt: admitted, moment: context.moment)
    let acknowledged = link.answer(startingAt: arrival, moment: context.moment)
    // EdgeLink takes the time to Accepted for the round trip.
    devices[context.device].expect(
      .acknowledged(
        bytes: plan.payloadBytes, seconds: max(acknowledged - plan.sendStart, 1e-4),
        roundTrip: accepted - plan.sendStart), at: acknowledged)
  }

  /// A stream is over: what was still to come is not waited for, and the estimator is told what it has shown of the
  /// link, as EdgeLink tells it.
  /// - Parameter accepted: when the device heard, or would have heard, that the edge took it.
  func endTransfer(
    _ context: UtteranceContext, _ plan: OffloadPlan, _ result: UtteranceResult, arrival: Double,
    accepted: Double
  ) {
    let number = context.device
    let end = result.finish
    devices[number].forget(after: end)
    guard plan.sendStart < end else { return }
    let link = devices[number].link
    if let ahead = plan.ahead {
      learn(context, ahead, at: end, accepted: accepted, failure: result.failure)
    } else if configuration.observesStalls, result.failure == .deadline {
      let acknowledged = link.answer(startingAt: arrival, moment: context.moment)
      if acknowledged > end {
        let bytes = link.bytesSent(
          from: plan.sendStart, to: max(plan.sendStart, end - context.moment.roundTrip))
        devices[number].expect(
          .stalled(bytes: Int(min(bytes, plan.bytes)), seconds: end - plan.sendStart), at: end)
      }
    }
    if result.failure == .deadline, accepted > end {
      // A peer that is gone without a word: the connection is given up, and made anew when somebody asks.
      devices[number].linkState.failed(at: end, jitter: 0)
      devices[number].expect(.disconnected, at: end)
    }
  }

  /// What a stream that was sent ahead has shown by `end`.
  func learn(
    _ context: UtteranceContext, _ stream: AheadStream, at end: Double, accepted: Double,
    failure: UtteranceResult.Failure?
  ) {
    let number = context.device
    let shown = stream.shown(at: end, link: devices[number].link, moment: context.moment)
    let roundTrip = accepted <= end ? accepted - stream.start : 0
    if let transfer = shown.transfer {
      devices[number].expect(
        .acknowledged(
          bytes: transfer.bytes, seconds: max(transfer.seconds, 1e-4), roundTrip: roundTrip),
        at: end)
    }
    if configuration.observesStalls, failure != .lost, let stall = shown.stall,
      stall.seconds >= Self.patience || failure == .deadline
    {
      devices[number].expect(.stalled(bytes: stall.bytes, seconds: stall.seconds), at: end)
    }
  }

  func newSlot(_ exchange: Exchange) -> Int {
    let slot = freeSlots.popLast() ?? slots.count
    if slot == slots.count {
      slots.append(nil)
      serials.append(0)
    }
    slots[slot] = exchange
    return slot
  }

  private func free(_ slot: Int) {
    slots[slot] = nil
    serials[slot] += 1
    freeSlots.append(slot)
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
    exchange.admission = (time, edge.expectedWait)
    slots[slot] = exchange
    expectAccepted(
      exchange.context, start: exchange.start, at: time, wait: edge.expectedWait)
    if let plan = exchange.plan {
      if plan.ahead == nil {
        expectAcknowledged(exchange.context, plan, admitted: time, arrival: exchange.arrival)
      }
      events.schedule(
        .featuresArrive(slot: slot, serial: serials[slot]), at: max(time, exchange.arrival))
    }
  }

  func featuresArrive(_ slot: Int, at time: Double) {
    guard let exchange = slots[slot], exchange.isAdmitted, let plan = exchange.plan else { return }
    // The slot's number and serial in one: a job whose device gave up is known by it.
    let job = SimulatedEdge.Job.exchange(
      id: slot, serial: serials[slot], operations: plan.operations)
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
      guard let plan = exchange.plan, let timeline = exchange.timeline else { continue }
      events.schedule(
        .deadline(slot: slot, serial: serials[slot]),
        at: max(time, plan.deadline(exchange.context, timeline)))
    }
  }

  func finish(_ slot: Int, _ outcome: OffloadOutcome, at time: Double) {
    guard let exchange = slots[slot] else { return }
    free(slot)
    if exchange.isAdmitted { edge.release() }
    if exchange.isComputing {
      // The edge hears that the device has gone, and its worker stops.
      edge.finish(seconds: nil)
      dispatch(at: time)
    }
    let number = exchange.context.device
    guard let plan = exchange.plan, let timeline = exchange.timeline else {
      // The user is still speaking: what was sent ahead is of no use any more.
      if case .failure(_, let why) = outcome {
        devices[number].listening?.stream?.failure = (time, why)
        devices[number].listening?.stream?.slot = nil
      }
      return
    }
    let result = resolver.offloaded(
      exchange.context, plan, outcome, timeline: timeline, link: devices[number].link,
      arrival: exchange.arrival, costs: devices[number].costs)
    endTransfer(
      exchange.context, plan, result, arrival: exchange.arrival,
      accepted: exchange.admission.map {
        devices[number].link.answer(startingAt: $0.time, moment: exchange.context.moment)
      } ?? .infinity)
    complete(exchange.context, result)
  }
}
