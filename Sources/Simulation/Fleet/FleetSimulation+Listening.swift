import FeatureCodec
import Offload

// What a device does while the user speaks: computes, looks at what its exits say, and sends ahead.
extension FleetSimulation {
  /// The user begins to speak.
  func listen(_ number: Int, at time: Double) {
    let spoken = devices[number].utterances
    devices[number].utterances += 1
    if let battery = configuration.batteryJoules[devices[number].deviceClass],
      devices[number].energy >= battery
    {
      statistics.lostToBattery += 1
      scheduleNext(number, after: time)
      return
    }
    var (index, chance) = draw(number, spoken)
    let moment = LinkMoment(configuration.conditions, generator: &chance)
    let utterance = profile.utterances[index]
    let wanted = devices[number].wanted
    let began = max(wanted, time)
    let context = UtteranceContext(
      device: number, number: spoken + 1, utterance: index, wanted: wanted, began: began,
      deadline: began + configuration.deadline, moment: moment, rate: 0, wait: 0)
    let draw = UInt32(truncatingIfNeeded: chance.next())
    var listening = Listening(context: context, chance: chance, began: time)
    if configuration.streams, let chunkFrames = profile.header.chunkFrames {
      listening.pass = StreamedPass(
        shape: shape, speed: devices[number].speed, frames: frames(utterance),
        chunkFrames: Double(chunkFrames), began: time, ended: began,
        blocks: fixedDepth(devices[number].speed))
    }
    if usesLink { prepareConnection(number, at: time, moment: moment, chance: &listening.chance) }
    probe(number, &listening, at: time)
    if let policy = devices[number].policy {
      var session = UtteranceSession(
        settings: sessionSettings(number), policy: policy, utterance: context.identity, draw: draw)
      sessionObserver?(context, session)
      if listening.pass != nil {
        let effects = tell(
          &session, .speechBegan(surroundings(number, at: time)), at: time, context)
        for case .keepUp(let block) in effects { listening.pass?.deepen(to: block, at: time) }
      }
      listening.session = session
    }
    devices[number].listening = listening
    attend(number, stopsAtStart: usesSharedEdge)
    events.schedule(.speak(device: number), at: began)
  }

  /// Asks the edge for a sign of life and its wait, as soon as there is a connection.
  private func probe(_ number: Int, _ listening: inout Listening, at time: Double) {
    let device = devices[number]
    guard configuration.probes, usesLink, device.signOfLife?.isWanted == true else { return }
    var start = time
    if device.linkState.phase != .connected {
      guard let attempt = device.attempt, attempt.succeeds else { return }
      start = attempt.until
    }
    let moment = listening.context.moment
    // By the end of speech it has gone, or is of no use any more.
    guard start < listening.context.began else { return }
    let back = device.link.echo(startingAt: start, moment: moment)
    let arrives = back - moment.roundTrip / 2
    devices[number].expect(.probed, at: start)
    let crash = configuration.edge.crashes.next(at: arrives)
    let givenUp = start + configuration.connectSeconds
    if back > givenUp {
      // As EdgeLink: gone without a word, and the next utterance makes a new connection.
      devices[number].silentAt = givenUp
    } else if crash?.contains(arrives) != true {
      let wait = usesSharedEdge ? edge.expectedWait : background.wait(at: arrives)
      devices[number].expect(.accepted(roundTrip: back - start, wait: wait), at: back)
    }
    let bytes = CostPredictor.probeBytes
    listening.probe = SunkUse(
      bytes: Double(bytes.sent + bytes.received),
      seconds: min(back, listening.context.began) - start)
  }

  /// Whether this strategy ever touches the link.
  var usesLink: Bool {
    switch strategy {
    case .policy: devices.first?.policy?.usesLink ?? false
    case .priced, .threshold, .edge, .baseline, .random: true
    case .exit, .clairvoyantOracle, .informedOracle: false
    }
  }

  func frames(_ utterance: ProfiledUtterance) -> Double {
    (utterance.seconds * shape.framesPerSecond).rounded(.up)
  }

  /// Blocks that can be computed while the user speaks, at a device's true speed.
  func realTimeDepth(_ speed: Double) -> Int {
    StreamingDepth.blocks(
      shape, operationsPerSecond: speed, share: configuration.speculation.depthShare)
  }

  /// The depth that a strategy keeps up with that knows what it will do.
  private func fixedDepth(_ speed: Double) -> Int {
    let wanted: Int
    switch strategy {
    case .exit(let exit): wanted = shape.exits[exit - 1].afterBlock
    case .edge(let layer, _, _): wanted = layer
    case .random: wanted = shape.blockCount
    case .policy, .priced, .threshold, .baseline, .clairvoyantOracle, .informedOracle: return 0
    }
    return min(wanted, realTimeDepth(speed))
  }

  /// Goes through the moments at which the device looks at what its exits say, up to the end of speech.
  /// - Parameter stopsAtStart: ends as soon as something is sent, since what comes of it is not known yet.
  func attend(_ number: Int, stopsAtStart: Bool) {
    guard var listening = devices[number].listening, var pass = listening.pass else { return }
    // A client without a model computes nothing: audio leaves as it is heard.
    let depth = isBaseline ? 0 : realTimeDepth(devices[number].speed)
    let prefixes = profile.utterances[listening.context.utterance].prefixes ?? []
    let link = devices[number].link
    let moment = listening.context.moment
    var hasStarted = false
    while listening.nextPrefix < prefixes.count, !(hasStarted && stopsAtStart) {
      let prefix = prefixes[listening.nextPrefix]
      let now = listening.began + prefix.seconds + pass.pause(depth: depth)
      guard now < pass.ended else { break }
      listening.nextPrefix += 1
      pass.run(until: now)
      // What has been computed of all that was heard.
      let exits = prefix.exits.filter {
        $0.afterBlock <= pass.blocks && pass.chunks(at: $0.afterBlock) >= listening.nextPrefix
      }
      let looks = pass.blocks == 0 || !exits.isEmpty
      var start: (plan: SpeculationPlan, limit: Double?)?
      switch strategy {
      case .policy where looks, .priced where looks, .threshold where looks:
        if usesLink { settle(number, at: now, chance: &listening.chance) }
        guard var session = listening.session else { break }
        let effects = tell(
          &session,
          .heard(
            seconds: prefix.seconds, exits: exits, blocks: pass.blocks,
            surroundings(number, at: now)), at: now, listening.context)
        listening.session = session
        statistics.considerations += 1
        for effect in effects {
          switch effect {
          case .keepUp(let block): pass.deepen(to: block, at: now)
          case .open(let wanted): start = (wanted.plan, wanted.grantedBytes)
          default: break
          }
        }
      case .edge(let layer, let codec, true) where listening.stream == nil:
        if layer <= pass.blocks {
          start = (
            SpeculationPlan(
              splitLayer: layer, codec: codec, packetDuration: configuration.packetDuration), nil
          )
        }
      case .baseline(_, true) where listening.stream == nil:
        start = (
          SpeculationPlan(
            splitLayer: 0, codec: 0, packetDuration: configuration.packetDuration), nil
        )
      default: break
      }
      if let start {
        devices[number].listening = listening
        open(number, start.plan, limit: start.limit, at: now)
        listening = devices[number].listening ?? listening
        hasStarted = true
      }
      // What is computed leaves as soon as it is.
      if let layer = listening.stream?.packets.plan.splitLayer {
        listening.stream?.packets.send(
          pass.frames(at: isBaseline ? 0 : layer), at: now, link: link, moment: moment)
      }
    }
    listening.pass = pass
    devices[number].listening = listening
  }

  private func sessionSettings(_ number: Int) -> UtteranceSession.Settings {
    UtteranceSession.Settings(
      model: shape, options: usesLink ? options : .none, deadline: configuration.deadline,
      hedge: configuration.hedge, speculation: configuration.speculation,
      costs: devices[number].costs, maximumSeconds: configuration.maximumUtteranceSeconds)
  }

  /// What a device knows while the user speaks.
  private func surroundings(_ number: Int, at time: Double) -> UtteranceSession.Surroundings {
    UtteranceSession.Surroundings(
      link: usesLink ? devices[number].linkEstimator.estimate(at: time) : .unknown,
      edge: usesLink ? devices[number].edgeEstimator.estimate(at: time) : .unknown,
      deviceSpeed: devices[number].measuredSpeed)
  }

  /// Begins to send ahead.
  private func open(_ number: Int, _ plan: SpeculationPlan, limit: Double?, at now: Double) {
    guard var listening = devices[number].listening else { return }
    let context = listening.context
    let (start, failure) = streamStart(
      number, at: now, moment: context.moment, chance: &listening.chance)
    var ahead = ahead(context, plan, start: start ?? .infinity)
    ahead.limit = limit
    guard let start else {
      ahead.failure = (failure, .unreachable)
      listening.stream = ahead
      devices[number].listening = listening
      return
    }
    let link = devices[number].link
    if usesSharedEdge {
      let slot = newSlot(Exchange(context: context, start: start))
      ahead.slot = slot
      let arrives = link.arrival(
        bytes: Self.startBytes, startingAt: start, moment: context.moment)
      events.schedule(.startArrives(slot: slot, serial: serials[slot]), at: arrives)
    } else {
      let admission = exogenous.admission(start: start, link: link, moment: context.moment)
      ahead.failure = admission.failure
      if admission.failure == nil {
        ahead.admission = (admission.time, admission.wait)
        expectAccepted(context, start: start, at: admission.time, wait: admission.wait)
        ahead.failure = exogenous.death(
          after: admission.time, link: link, moment: context.moment
        ).map { ($0.heard, .lost) }
      }
    }
    listening.stream = ahead
    devices[number].listening = listening
  }

  /// A stream of features, or of a baseline's audio, that begins at `start`.
  func ahead(_ context: UtteranceContext, _ plan: SpeculationPlan, start: Double)
    -> Listening.Ahead
  {
    let utterance = profile.utterances[context.utterance]
    let truth = truth(context, layer: plan.splitLayer, codec: plan.codec)
    let frames =
      isBaseline
      ? self.frames(utterance)
      : Double(truth.bytes)
        / Double(
          FeatureCodec.table[plan.codec].bytesPerFrame(dimension: profile.header.dimension))
    return Listening.Ahead(
      packets: AheadStream(
        plan: plan, start: start, payloadBytes: Double(truth.bytes), totalFrames: frames,
        framesPerSecond: shape.framesPerSecond, overhead: configuration.costs.packetOverheadBytes),
      operations: truth.operations, wordErrors: truth.wordErrors)
  }

  var isBaseline: Bool { if case .baseline = strategy { true } else { false } }

  /// The user has stopped: what was heard last is computed, and sent if a stream is open.
  func stopListening(_ listening: inout Listening, _ timeline: LocalTimeline) {
    let link = devices[listening.context.device].link
    listening.stream?.packets.finish(
      at: isBaseline ? listening.context.began : timeline.start, link: link,
      moment: listening.context.moment)
  }

  /// What the stream has cost by `time`, if it ends there.
  func sunk(_ stream: Listening.Ahead, at time: Double) -> SunkUse {
    let end = min(time, stream.failure?.time ?? .infinity)
    guard stream.packets.start < end else { return .none }
    let bytes = stream.packets.bytes(by: end)
    return SunkUse(bytes: bytes, streamBytes: bytes, seconds: end - stream.packets.start)
  }
}
