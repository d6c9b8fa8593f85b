import Offload

// How a device goes through an utterance once it is spoken: the loop of DeviceRecognizer.decide.
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
    let timeline: LocalTimeline
    if var pass = listening.pass {
      // What is being sent is computed first.
      let whole = min(listening.stream?.packets.plan.splitLayer ?? 0, pass.blocks)
      let rest = pass.finish(to: whole)
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
        context, timeline, exit: exit, from: timeline.start, exits: 0, blocks: 0,
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

  /// The loop of DeviceRecognizer.decide: asks the policy before the first exit and after each.
  private func decide(_ utterance: Listening, _ timeline: LocalTimeline) {
    var listening = utterance
    let context = listening.context
    let number = context.device
    let profiled = profile.utterances[context.utterance]
    guard let policy = devices[number].policy else { return }
    let costs = devices[number].costs
    let usesLink = usesLink
    var clock = timeline.start
    var exits: [ExitEvidence] = []
    exits.reserveCapacity(shape.exits.count)
    let learner = policy as? any LearningPolicy
    var chain: [Decision] = []
    var refusals = 0
    var sunk = listening.probe
    while true {
      if usesLink { settle(number, at: clock, chance: &listening.chance) }
      if let stream = listening.stream, let failure = stream.failure, failure.time <= clock {
        listening.speculation?.lost()
        sunk = listening.probe + self.sunk(stream, at: clock)
        listening.stream = nil
      }
      var evidence = Evidence(
        model: shape, exits: exits, utteranceSeconds: profiled.seconds,
        deadlineRemaining: max(0, context.deadline - clock),
        signalToNoise: profiled.signalToNoise,
        link: usesLink ? linkEstimate(listening, at: clock) : .unknown,
        edge: usesLink ? devices[number].edgeEstimator.estimate(at: clock) : .unknown,
        options: usesLink ? options : .none, deviceSpeed: devices[number].measuredSpeed,
        time: clock, draw: listening.draw)
      if listening.pass != nil {
        evidence.streamed = StreamedWork(
          isSpeaking: false, secondsHeard: profiled.seconds, blocksDone: timeline.ahead,
          framesLeft: timeline.framesLeft,
          sent: listening.stream.map { stream in
            let progress = stream.packets.progress(
              at: clock, link: devices[number].link, moment: context.moment)
            return SentAhead(
              splitLayer: stream.packets.plan.splitLayer, codec: stream.packets.plan.codec,
              frames: progress.frames, bytes: progress.bytes)
          },
          reservedBytes: listening.stream?.limit)
        evidence = listening.speculation?.evidence(evidence) ?? evidence
      }
      let decision = policy.decide(evidence)
      statistics.decisions += 1
      devices[number].decisions += 1
      evidenceObserver?(evidence)
      let blocks = exits.last?.afterBlock ?? 0
      var byteLimit: Double?
      if let learner {
        if decision.action != .nextExit, listening.speculation?.hasReservation != true {
          switch learner.begin(decision, utterance: context.identity, at: clock) {
          case .granted(let bytes): byteLimit = bytes
          case .refused:
            // One utterance at a time: the second answer knows what the first did not.
            refusals += 1
            precondition(refusals < 8, "\(policy.name) asks for what it refuses")
            continue
          }
        }
        chain.append(decision)
        devices[number].learning = (chain, clock)
      }
      switch listening.speculation?.settle(decision) ?? .nothing {
      case .keep:
        guard let stream = listening.stream else { break }
        var plan = plan(
          context, exitsDone: exits.count, blocksDone: blocks,
          layer: stream.packets.plan.splitLayer, codec: stream.packets.plan.codec,
          packetDuration: stream.packets.plan.packetDuration, ready: clock)
        plan.sunk = sunk
        keep(&listening, stream, plan, timeline)
        return
      case .withdraw:
        if let stream = listening.stream {
          sunk = listening.probe + self.sunk(stream, at: clock)
          withdraw(context, stream, at: clock)
        }
      case .nothing: break
      }
      var stopAt: Int?
      switch decision.action {
      case .nextExit where exits.count < shape.exits.count:
        let point = shape.exits[exits.count]
        let next =
          clock + timeline.blockSeconds(from: blocks, to: point.afterBlock)
          + timeline.exitSeconds(point)
        if next > context.deadline, !exits.isEmpty {
          // It would come too late: the deadline strikes while it is computed.
          if let stream = listening.stream {
            sunk = listening.probe + self.sunk(stream, at: context.deadline)
            withdraw(context, stream, at: context.deadline)
          }
          stopAt = point.exit
        } else {
          clock = next
          // The first exit is not measured: it holds the front end's work too.
          if !exits.isEmpty || timeline.ahead > 0, profiled.seconds > 0.2 {
            devices[number].measuredSpeed = timeline.speed
          }
          exits.append(profiled.exits[exits.count].evidence)
          continue
        }
      case .nextExit:
        // There is none: the last one's transcript is what there is.
        stopAt = shape.exits.count
      case .stop(let exit):
        stopAt = min(max(exit, 1), shape.exits.count)
      case .offload(let layer, let codec, let duration):
        let ready = clock + timeline.blockSeconds(from: blocks, to: layer)
        var plan = plan(
          context, exitsDone: exits.count, blocksDone: max(blocks, layer), layer: layer,
          codec: codec, packetDuration: duration, ready: ready)
        plan.sunk = sunk
        // What was granted holds for all that the utterance sends.
        let limit = byteLimit ?? listening.speculation?.grantedBytes
        if let limit, plan.bytes + sunk.bytes + configuration.costs.answerBytes > limit {
          plan.sendStart = .infinity
          complete(
            context,
            resolver.offloaded(
              context, plan, .failure(time: ready, .overBudget), timeline: timeline,
              link: devices[number].link, arrival: .infinity, costs: costs))
          return
        }
        offload(&listening, plan, timeline)
      }
      guard let stopAt else { return }
      complete(
        context,
        resolver.local(
          context, timeline, exit: stopAt, from: clock, exits: exits.count, blocks: blocks,
          sunk: sunk, costs: costs))
      return
    }
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
