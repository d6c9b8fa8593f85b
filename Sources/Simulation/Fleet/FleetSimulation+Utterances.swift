import Offload

// How a device goes through an utterance once it is spoken: drives `UtteranceSession` in virtual time.
extension FleetSimulation {
  /// Which utterance a device speaks as its `number`th, and the chance that goes with it.
  func draw(_ device: Int, _ number: Int) -> (utterance: Int, chance: SeededGenerator) {
    var chance = root.stream(3, UInt64(device), UInt64(number))
    return (chance.index(below: profile.utterances.count), chance)
  }

  func scheduleNext(_ number: Int, after finish: Double) {
    let spoken = devices[number].utterances
    let before = devices[number].wanted
    var wanted = configuration.arrivals.next(
      after: before, number: spoken, generator: &devices[number].arrivals)
    // Nobody speaks before the answer, and speech takes its time.
    let seconds = profile.utterances[draw(number, spoken).utterance].seconds
    let earliest = spoken == 0 ? seconds : before + configuration.deadline + 0.1 + seconds
    wanted = max(wanted, earliest)
    guard wanted < configuration.seconds else { return }
    devices[number].wanted = wanted
    // What is said while the device is still busy is heard when it is free.
    events.schedule(.listen(device: number), at: max(wanted - seconds, finish))
  }

  /// The user has stopped speaking.
  func speak(_ number: Int, at time: Double) {
    attend(number, stopsAtStart: false)
    guard var listening = devices[number].listening else { return }
    devices[number].listening = nil
    listening.context.rate = devices[number].link.rate(at: time)
    listening.context.wait = usesSharedEdge ? edge.expectedWait : background.wait(at: time)
    let context = listening.context
    if time > context.wanted { statistics.delayedBegins += 1 }
    let utterance = profile.utterances[context.utterance]
    let speed = devices[number].speed
    // What is being sent is computed first.
    var layer = listening.stream?.packets.plan.splitLayer ?? 0
    if var session = listening.session {
      for case .catchUp(let toLayer) in tell(&session, .speechEnded, at: time, context) {
        layer = toLayer
      }
      listening.session = session
    }
    let timeline: LocalTimeline
    if var pass = listening.pass {
      let rest = pass.finish(to: min(layer, pass.blocks))
      timeline = LocalTimeline(
        shape: shape, frames: frames(utterance), speed: speed, ahead: pass.blocks, rest: rest)
    } else {
      timeline = LocalTimeline(
        shape: shape, frames: frames(utterance), speed: speed, began: context.began)
    }
    stopListening(&listening, timeline)
    switch strategy {
    case .policy, .priced, .threshold: decide(listening, timeline)
    case .exit(let exit): stop(context, timeline, at: exit)
    case .edge(let layer, let codec, _):
      ship(&listening, timeline, layer: layer, codec: codec)
    case .random(let share):
      if listening.chance.uniform() < share {
        let codecs = profile.header.codecs
        ship(
          &listening, timeline, layer: profile.header.splitLayers.min() ?? 0,
          codec: codecs.contains(configuration.codec) ? configuration.codec : codecs[0])
      } else {
        stop(context, timeline, at: shape.exits.count)
      }
    case .baseline:
      ship(&listening, timeline, layer: 0, codec: 0)
    case .clairvoyantOracle, .informedOracle:
      consultOracle(listening)
    }
  }

  /// Goes straight to an exit and stops there.
  private func stop(_ context: UtteranceContext, _ timeline: LocalTimeline, at exit: Int) {
    statistics.decisions += 1
    complete(
      context,
      resolver.local(
        context, LocalThread(timeline, from: timeline.start), exit: exit, at: timeline.start,
        costs: devices[context.device].costs))
  }

  /// Goes straight to a layer and offloads there.
  private func ship(
    _ listening: inout Listening, _ timeline: LocalTimeline, layer: Int, codec: Int
  ) {
    statistics.decisions += 1
    let context = listening.context
    let isModelless = isBaseline
    let start = isModelless ? context.began : timeline.start
    let ready = isModelless ? start : start + timeline.blockSeconds(from: 0, to: layer)
    var plan = plan(
      context, exitsDone: 0, blocksDone: isModelless ? 0 : layer, layer: layer, codec: codec,
      packetDuration: configuration.packetDuration, ready: ready)
    plan.hedges = !isModelless
    if let stream = listening.stream, (stream.failure?.time ?? .infinity) > ready {
      keep(&listening, stream, plan, timeline)
    } else {
      if let stream = listening.stream { plan.sunk = sunk(stream, at: ready) }
      offload(&listening, plan, timeline)
    }
  }

  /// Drives the session from the end of speech to what it decides on; the race for the answer follows.
  private func decide(_ utterance: Listening, _ timeline: LocalTimeline) {
    guard let session = utterance.session else { return }
    var deciding = Deciding(
      listening: utterance, session: session, thread: LocalThread(timeline, from: timeline.start),
      clock: timeline.start)
    _ = deadline(&deciding, before: timeline.start)
    deciding.clock = timeline.start
    let profiled = profile.utterances[utterance.context.utterance]
    var effects = tell(
      &deciding,
      .caughtUp(
        UtteranceSession.Speech(
          seconds: profiled.seconds, signalToNoise: profiled.signalToNoise,
          framesLeft: timeline.framesLeft, blocksDone: timeline.ahead)))[...]
    while let effect = effects.popFirst() {
      switch effect {
      case .observe:
        effects += observe(&deciding)
      case .compute where deciding.session.isDeciding:
        effects += compute(effect, &deciding)
      case .computeFeatures(let layer):
        var thread = deciding.thread
        thread.compute(layer: layer)
        if let late = deadline(&deciding, before: thread.time) {
          effects += late
        } else {
          deciding.thread = thread
          deciding.clock = thread.time
          effects += tell(&deciding, .featuresReady)
        }
      case .send(let plan, let grantedBytes):
        send(plan, grantedBytes: grantedBytes, &deciding)
        return
      case .keep(let plan):
        guard let stream = deciding.listening.stream else {
          preconditionFailure("a stream that is kept was begun")
        }
        keep(&deciding.listening, stream, self.plan(plan, deciding), timeline)
        return
      case .withdraw:
        if let stream = deciding.listening.stream {
          deciding.sunk =
            deciding.listening.probe + sunk(stream, at: deciding.clock)
          withdraw(deciding.listening.context, stream, at: deciding.clock)
          deciding.listening.stream = nil
        }
      case .compute, .answer, .open, .keepUp, .catchUp, .giveUp:
        // The race has begun: it is run below.
        break
      }
    }
    answerAlone(deciding)
  }

  /// The device answers by itself: it stops at an exit, or the deadline has passed before anything was sent.
  private func answerAlone(_ deciding: Deciding) {
    let context = deciding.listening.context
    guard let race = deciding.session.race else { return }
    let costs = devices[context.device].costs
    switch race.aim {
    case .exit(let exit):
      complete(
        context,
        resolver.local(
          context, deciding.thread, exit: exit, at: deciding.clock, sunk: deciding.sunk,
          costs: costs))
    case .edge:
      guard let action = deciding.session.decisions.last?.action,
        let wanted = SpeculationPlan(action)
      else { return }
      var late = deciding
      late.thread.compute(layer: wanted.splitLayer)
      var plan = plan(wanted, late)
      plan.sendStart = .infinity
      complete(
        context,
        resolver.offloaded(
          context, plan, .silence(serverSeconds: 0), timeline: deciding.thread.timeline,
          link: devices[context.device].link, arrival: .infinity, costs: costs))
    }
  }

  /// Tells the session what the device knows now.
  private func observe(_ deciding: inout Deciding) -> [UtteranceSession.Effect] {
    let context = deciding.listening.context
    let number = context.device
    let clock = deciding.clock
    let usesLink = usesLink
    if usesLink { settle(number, at: clock, chance: &deciding.listening.chance) }
    if let stream = deciding.listening.stream, let failure = stream.failure,
      failure.time <= clock
    {
      _ = tell(&deciding, .failed(failure.why))
      deciding.sunk = deciding.listening.probe + sunk(stream, at: clock)
      deciding.listening.stream = nil
    }
    var surroundings = UtteranceSession.Surroundings(
      link: usesLink ? linkEstimate(deciding.listening, at: clock) : .unknown,
      edge: usesLink ? devices[number].edgeEstimator.estimate(at: clock) : .unknown,
      deviceSpeed: devices[number].measuredSpeed, bytesSpent: deciding.sunk.streamBytes)
    if let stream = deciding.listening.stream {
      let progress = stream.packets.progress(
        at: clock, link: devices[number].link, moment: context.moment)
      surroundings.framesAcknowledged = progress.frames
      surroundings.bytesSent = progress.bytes
      surroundings.bytesSpent += progress.bytes
    }
    let effects = tell(&deciding, .observed(surroundings))
    statistics.decisions += 1
    devices[number].decisions += 1
    if let evidence = deciding.session.evidence { evidenceObserver?(evidence) }
    if let decision = deciding.session.decisions.last { decisionObserver?(context, decision) }
    if devices[number].policy is any LearningPolicy {
      devices[number].learning = (deciding.session.decisions, clock)
    }
    return effects
  }

  /// Computes the next exit, unless the deadline strikes meanwhile and ends the utterance.
  private func compute(
    _ effect: UtteranceSession.Effect, _ deciding: inout Deciding
  ) -> [UtteranceSession.Effect] {
    guard case .compute(let exit) = effect else { return [] }
    deciding.thread.compute(exit)
    let point = shape.exits[exit - 1]
    let timeline = deciding.thread.timeline
    let ready =
      deciding.thread.time
      + timeline.blockSeconds(from: deciding.thread.blocks, to: point.afterBlock)
      + timeline.exitSeconds(point)
    if let late = deadline(&deciding, before: ready), !late.isEmpty { return late }
    let profiled = profile.utterances[deciding.listening.context.utterance]
    // The first exit is not measured: it holds the front end's work too.
    if exit > 1 || timeline.ahead > 0, profiled.seconds > 0.2 {
      devices[deciding.listening.context.device].measuredSpeed = timeline.speed
    }
    deciding.thread.finishExit(at: ready)
    deciding.clock = deciding.thread.time
    return tell(&deciding, .exitReady(profiled.exits[exit - 1].evidence))
  }

  private func tell(
    _ deciding: inout Deciding, _ event: UtteranceSession.Event
  ) -> [UtteranceSession.Effect] {
    tell(&deciding.session, event, at: deciding.clock, deciding.listening.context)
  }

  /// Tells the session of the deadline if it strikes before `time`, once.
  /// - Returns: what the session wants then; nil: it does not strike.
  private func deadline(
    _ deciding: inout Deciding, before time: Double
  ) -> [UtteranceSession.Effect]? {
    let context = deciding.listening.context
    guard !deciding.isDeadlineTold, time > context.deadline else { return nil }
    deciding.isDeadlineTold = true
    let effects = tell(&deciding.session, .deadline, at: context.deadline, context)
    if !effects.isEmpty { deciding.clock = context.deadline }
    return effects
  }

  private func send(
    _ wanted: SpeculationPlan, grantedBytes: Double?, _ deciding: inout Deciding
  ) {
    let context = deciding.listening.context
    var plan = plan(wanted, deciding)
    let timeline = deciding.thread.timeline
    // The link ends a stream that would go over its budget.
    if let grantedBytes, plan.bytes + configuration.costs.answerBytes > grantedBytes {
      plan.sendStart = .infinity
      complete(
        context,
        resolver.offloaded(
          context, plan, .failure(time: plan.ready, .overBudget), timeline: timeline,
          link: devices[context.device].link, arrival: .infinity,
          costs: devices[context.device].costs))
      return
    }
    offload(&deciding.listening, plan, timeline)
  }

  /// What is shipped of an utterance from now on.
  private func plan(_ wanted: SpeculationPlan, _ deciding: Deciding) -> OffloadPlan {
    var plan = plan(
      deciding.listening.context, exitsDone: deciding.thread.exits,
      blocksDone: deciding.thread.blocks, layer: wanted.splitLayer, codec: wanted.codec,
      packetDuration: wanted.packetDuration, ready: deciding.thread.time)
    plan.sunk = deciding.sunk
    return plan
  }

  /// What a device knows of its link at the end of an utterance: with what the stream that is under way has shown of it.
  private func linkEstimate(_ listening: Listening, at time: Double) -> LinkEstimate {
    guard let stream = listening.stream, stream.packets.start < time else {
      return devices[listening.context.device].linkEstimator.estimate(at: time)
    }
    let device = devices[listening.context.device]
    let moment = listening.context.moment
    let shown = stream.packets.shown(at: time, link: device.link, moment: moment)
    let admission = stream.slot.flatMap { slots[$0]?.admission } ?? stream.admission
    let accepted =
      admission.map { device.link.answer(startingAt: $0.time, moment: moment) } ?? .infinity
    return device.linkEstimator.estimate(
      at: time, transfer: shown.transfer, stall: shown.stall,
      roundTrip: accepted <= time ? accepted - stream.packets.start : 0)
  }

  /// What the edge makes of an utterance along one way, as the profile has it.
  func truth(_ context: UtteranceContext, layer: Int, codec: Int) -> (
    bytes: Int, operations: Double, wordErrors: Int
  ) {
    let utterance = profile.utterances[context.utterance]
    let frames = frames(utterance)
    if case .baseline(let name, _) = strategy {
      let index = profile.header.baselines.firstIndex(of: name) ?? 0
      return (
        utterance.baselines[index].bytes,
        (shape.frontEndOperations + shape.operations(blocks: 0, to: shape.blockCount)
          + shape.secondPassOperations) * frames, utterance.baselines[index].wordErrors
      )
    }
    guard
      let truth = profile.edge(utterance: context.utterance, splitLayer: layer, codec: codec)
    else {
      preconditionFailure("a policy chose split layer \(layer), codec \(codec), which is no option")
    }
    return (
      truth.bytes,
      truth.operations
        ?? (shape.operations(blocks: layer, to: shape.blockCount) + shape.secondPassOperations)
          * frames,
      truth.wordErrors
    )
  }

  /// Shipping all of the utterance from `ready` on.
  func plan(
    _ context: UtteranceContext, exitsDone: Int, blocksDone: Int, layer: Int, codec: Int,
    packetDuration: Double, ready: Double
  ) -> OffloadPlan {
    let truth = truth(context, layer: layer, codec: codec)
    let seconds = profile.utterances[context.utterance].seconds
    let packets = max(1, (seconds / max(packetDuration, 0.001)).rounded(.up))
    return OffloadPlan(
      exitsDone: exitsDone, blocksDone: blocksDone, ready: ready, sendStart: ready,
      payloadBytes: truth.bytes,
      bytes: Double(truth.bytes) + packets * configuration.costs.packetOverheadBytes,
      operations: truth.operations, wordErrors: truth.wordErrors, hedges: true)
  }

  func complete(_ context: UtteranceContext, _ result: UtteranceResult) {
    devices[context.device].energy += result.cost.energy
    devices[context.device].signOfLife?.observe(offloaded: result.offloaded)
    if let learning = devices[context.device].learning,
      let learner = devices[context.device].policy as? any LearningPolicy
    {
      devices[context.device].learning = nil
      learner.observe(
        Outcome(
          utterance: context.identity, time: result.finish, decisions: learning.decisions,
          offloadSeconds: result.offloaded ? result.finish - learning.at : nil,
          answeredByEdge: result.origin == .edge, bytes: result.cost.bytes,
          radioEnergy: devices[context.device].costs.radioEnergy(result.use)))
    }
    statistics.add(
      result, device: context.device, words: profile.utterances[context.utterance].referenceWords,
      at: context.began, deadline: context.deadline, rate: context.rate, wait: context.wait)
    observer?(context, result, devices[context.device].decisions)
    scheduleNext(context.device, after: result.finish)
  }
}
