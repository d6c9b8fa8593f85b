import Offload

// How a device goes through an utterance: the loop of DeviceRecognizer.decide.
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
    events.schedule(.speak(device: number), at: max(wanted, finish))
  }

  func speak(_ number: Int, at time: Double) {
    let spoken = devices[number].utterances
    devices[number].utterances += 1
    if let battery = configuration.batteryJoules[devices[number].deviceClass],
      devices[number].energy >= battery
    {
      statistics.lostToBattery += 1
      scheduleNext(number, after: time)
      return
    }
    var (utterance, chance) = draw(number, spoken)
    let moment = LinkMoment(configuration.conditions, generator: &chance)
    let wanted = devices[number].wanted
    if time > wanted { statistics.delayedBegins += 1 }
    let context = UtteranceContext(
      device: number, utterance: utterance, wanted: wanted, began: time,
      deadline: time + configuration.deadline, moment: moment,
      rate: devices[number].link.rate(at: time),
      wait: usesSharedEdge ? edge.expectedWait : background.wait(at: time))
    let timeline = LocalTimeline(
      shape: shape,
      frames: (profile.utterances[utterance].seconds * shape.framesPerSecond).rounded(.up),
      speed: devices[number].speed)
    switch strategy {
    case .policy(let name):
      decide(context, timeline, usesLink: name != AlwaysLocalPolicy.name, chance: &chance)
    case .exit(let exit):
      stop(context, timeline, at: exit)
    case .edge(let layer, let codec):
      ship(context, timeline, layer: layer, codec: codec, chance: &chance)
    case .random(let share):
      if chance.uniform() < share {
        let codecs = profile.header.codecs
        ship(
          context, timeline, layer: profile.header.splitLayers.min() ?? 0,
          codec: codecs.contains(configuration.codec) ? configuration.codec : codecs[0],
          chance: &chance)
      } else {
        stop(context, timeline, at: shape.exits.count)
      }
    case .baseline(let name):
      statistics.decisions += 1
      prepareConnection(number, at: time, moment: moment, chance: &chance)
      offload(context, baselinePlan(context, timeline, name: name), timeline, chance: &chance)
    case .clairvoyantOracle, .informedOracle:
      consultOracle(context, timeline)
    }
  }

  /// Goes straight to an exit and stops there.
  private func stop(_ context: UtteranceContext, _ timeline: LocalTimeline, at exit: Int) {
    statistics.decisions += 1
    let ready = timeline.exitTime(
      exit, from: context.began + timeline.frontEndSeconds, exits: 0, blocks: 0)
    complete(
      context,
      resolver.local(
        context, exit: exit, exitsDone: exit, blocksDone: shape.exits[exit - 1].afterBlock,
        at: ready, costs: devices[context.device].costs))
  }

  /// Goes straight to a layer and offloads there.
  private func ship(
    _ context: UtteranceContext, _ timeline: LocalTimeline, layer: Int, codec: Int,
    chance: inout SeededGenerator
  ) {
    statistics.decisions += 1
    prepareConnection(
      context.device, at: context.began, moment: context.moment, chance: &chance)
    let ready =
      context.began + timeline.frontEndSeconds + timeline.blockSeconds(from: 0, to: layer)
    let plan = plan(
      context, timeline, exitsDone: 0, blocksDone: layer, layer: layer, codec: codec,
      packetDuration: configuration.packetDuration, ready: ready)
    offload(context, plan, timeline, chance: &chance)
  }

  /// The loop of DeviceRecognizer.decide: asks the policy before the first exit and after each.
  func decide(
    _ context: UtteranceContext, _ timeline: LocalTimeline, usesLink: Bool,
    chance: inout SeededGenerator
  ) {
    let number = context.device
    let utterance = profile.utterances[context.utterance]
    guard let policy = devices[number].policy else { return }
    if usesLink {
      prepareConnection(number, at: context.began, moment: context.moment, chance: &chance)
    }
    var clock = context.began + timeline.frontEndSeconds
    var exits: [ExitEvidence] = []
    exits.reserveCapacity(shape.exits.count)
    let learner = policy as? any LearningPolicy
    var chain: [Decision] = []
    var refusals = 0
    let draw = UInt32(truncatingIfNeeded: chance.next())
    let identity = UInt64(number) << 32 | UInt64(devices[number].utterances)
    while true {
      if usesLink { settle(number, at: clock, chance: &chance) }
      let evidence = Evidence(
        model: shape, exits: exits, utteranceSeconds: utterance.seconds,
        deadlineRemaining: max(0, context.deadline - clock),
        signalToNoise: utterance.signalToNoise,
        link: usesLink ? devices[number].linkEstimator.estimate(at: clock) : .unknown,
        edge: usesLink ? devices[number].edgeEstimator.estimate(at: clock) : .unknown,
        options: usesLink ? options : .none, deviceSpeed: devices[number].measuredSpeed,
        time: clock, draw: draw)
      let decision = policy.decide(evidence)
      statistics.decisions += 1
      let blocks = exits.last?.afterBlock ?? 0
      var byteLimit: Double?
      if let learner {
        if decision.action != .nextExit {
          switch learner.begin(decision, utterance: identity, at: clock) {
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
      var stopAt: Int?
      switch decision.action {
      case .nextExit where exits.count < shape.exits.count:
        let point = shape.exits[exits.count]
        clock += timeline.blockSeconds(from: blocks, to: point.afterBlock) + timeline.exitSeconds
        // The first exit is not measured: it holds the front end's work too.
        if !exits.isEmpty, utterance.seconds > 0.2 {
          devices[number].measuredSpeed = timeline.speed
        }
        exits.append(utterance.exits[exits.count].evidence)
        continue
      case .nextExit:
        // There is none: the last one's transcript is what there is.
        stopAt = shape.exits.count
      case .stop(let exit):
        stopAt = min(max(exit, 1), shape.exits.count)
      case .offload(let layer, let codec, let duration):
        let ready =
          clock + timeline.blockSeconds(from: blocks, to: layer)
        let plan = plan(
          context, timeline, exitsDone: exits.count, blocksDone: max(blocks, layer), layer: layer,
          codec: codec, packetDuration: duration, ready: ready)
        if let byteLimit, plan.bytes + configuration.costs.answerBytes > byteLimit {
          var kept = plan
          kept.sendStart = .infinity
          complete(
            context,
            resolver.offloaded(
              context, kept, .failure(time: ready, .overBudget), timeline: timeline,
              link: devices[number].link, arrival: .infinity, costs: devices[number].costs))
          return
        }
        offload(context, plan, timeline, chance: &chance)
      }
      guard let stopAt else { return }
      let done = max(stopAt, exits.count)
      let time = timeline.exitTime(stopAt, from: clock, exits: exits.count, blocks: blocks)
      complete(
        context,
        resolver.local(
          context, exit: stopAt, exitsDone: done, blocksDone: shape.exits[done - 1].afterBlock,
          at: time, costs: devices[number].costs))
      return
    }
  }

  func plan(
    _ context: UtteranceContext, _ timeline: LocalTimeline, exitsDone: Int, blocksDone: Int,
    layer: Int, codec: Int, packetDuration: Double, ready: Double
  ) -> OffloadPlan {
    guard
      let truth = profile.edge(utterance: context.utterance, splitLayer: layer, codec: codec)
    else {
      preconditionFailure("a policy chose split layer \(layer), codec \(codec), which is no option")
    }
    let seconds = profile.utterances[context.utterance].seconds
    let packets = max(1, (seconds / max(packetDuration, 0.001)).rounded(.up))
    return OffloadPlan(
      exitsDone: exitsDone, blocksDone: blocksDone, ready: ready, sendStart: ready,
      payloadBytes: truth.bytes,
      bytes: Double(truth.bytes) + packets * configuration.costs.packetOverheadBytes,
      operations: truth.operations
        ?? (shape.operations(blocks: layer, to: shape.blockCount) + shape.secondPassOperations)
          * timeline.frames,
      wordErrors: truth.wordErrors, hedges: true)
  }

  func baselinePlan(
    _ context: UtteranceContext, _ timeline: LocalTimeline, name: String
  ) -> OffloadPlan {
    let utterance = profile.utterances[context.utterance]
    let index = profile.header.baselines.firstIndex(of: name) ?? 0
    let packets = max(
      1, (utterance.seconds / max(configuration.packetDuration, 0.001)).rounded(.up))
    return OffloadPlan(
      exitsDone: 0, blocksDone: 0, ready: context.began, sendStart: context.began,
      payloadBytes: utterance.baselines[index].bytes,
      bytes: Double(utterance.baselines[index].bytes)
        + packets * configuration.costs.packetOverheadBytes,
      operations: (shape.frontEndOperations + shape.operations(blocks: 0, to: shape.blockCount)
        + shape.secondPassOperations) * timeline.frames,
      wordErrors: utterance.baselines[index].wordErrors, hedges: false)
  }

  func complete(_ context: UtteranceContext, _ result: UtteranceResult) {
    devices[context.device].energy += result.cost.energy
    if let learning = devices[context.device].learning,
      let learner = devices[context.device].policy as? any LearningPolicy
    {
      devices[context.device].learning = nil
      learner.observe(
        Outcome(
          utterance: UInt64(context.device) << 32 | UInt64(devices[context.device].utterances),
          time: result.finish, decisions: learning.decisions,
          offloadSeconds: result.offloaded ? result.finish - learning.at : nil,
          answeredByEdge: result.origin == .edge, bytes: result.cost.bytes,
          radioEnergy: devices[context.device].costs.radioEnergy(result.use)))
    }
    statistics.add(
      result, device: context.device, words: profile.utterances[context.utterance].referenceWords,
      at: context.began, deadline: context.deadline, rate: context.rate, wait: context.wait)
    scheduleNext(context.device, after: result.finish)
  }
}
