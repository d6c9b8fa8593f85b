import FeatureCodec
import Offload

/// A fleet of devices and its edge in virtual time, under one strategy.
///
/// Deterministic: the same configuration, profile, calibration and seed give the same report to the byte. All
/// strategies meet the same users, links and background load under one seed.
///
/// Devices decide with the policies, estimators, codec table and cost model that ship. Bytes of the connection's handshake
/// are not counted, as the predictions do not count them; a client without a model is taken to spend on its
/// audio codec what the front end takes.
public final class FleetSimulation {
  /// Bytes of the message that begins an utterance, framing included.
  static let startBytes = 300.0
  /// Bytes that the device sends until a connection stands: TLS 1.3 with a client's certificate.
  static let handshakeBytes = 2_500.0

  public let configuration: FleetConfiguration
  public let profile: Profile
  public let strategy: Strategy
  public let seed: UInt64

  private let root: SeededGenerator
  private let shape: ModelShape
  private let options: OffloadOptions
  private let resolver: OutcomeResolver
  private let background: BackgroundLoad
  private let exogenous: ExogenousEdge
  private let oracle: Oracle?
  private var devices: [SimulatedDevice] = []
  private var events = EventQueue<FleetEvent>()
  private var edge: SimulatedEdge
  private var slots: [Exchange?] = []
  private var serials: [Int] = []
  private var freeSlots: [Int] = []
  private var statistics: Statistics

  /// - Parameters:
  ///   - calibration: what the policies are told of the exits.
  /// - Throws: `UnknownPolicyError`; `FleetError` for a strategy that the profile does not cover.
  public init(
    configuration: FleetConfiguration, profile: Profile, calibration: Calibration,
    strategy: Strategy, seed: UInt64
  ) throws {
    self.configuration = configuration
    self.profile = profile
    self.strategy = strategy
    self.seed = seed
    let root = SeededGenerator(seed: seed)
    self.root = root
    shape = profile.header.shape
    let dimension = profile.header.dimension
    options = OffloadOptions(
      splitLayers: profile.header.splitLayers,
      rates: profile.header.codecs.map {
        FeatureRate(
          codec: $0,
          bytesPerFrame: Double(FeatureCodec.table[$0].bytesPerFrame(dimension: dimension)))
      },
      packetDurations: [configuration.packetDuration])
    resolver = OutcomeResolver(
      profile: profile, hedge: configuration.hedge, answerBytes: configuration.costs.answerBytes)
    background = BackgroundLoad(
      configuration.edge, seconds: configuration.seconds + 60, generator: root.stream(5))
    exogenous = ExogenousEdge(configuration: configuration.edge, background: background)
    edge = SimulatedEdge(configuration.edge)
    statistics = Statistics(seconds: configuration.seconds, devices: configuration.deviceCount)
    switch strategy {
    case .clairvoyantOracle: oracle = .clairvoyant
    case .informedOracle:
      oracle = .informed(
        ExpectedErrors(profile: profile, criterion: configuration.criterion))
    default: oracle = nil
    }
    try strategy.check(profile)
    devices.reserveCapacity(configuration.deviceCount)
    for number in 0..<configuration.deviceCount {
      devices.append(try makeDevice(number, calibration: calibration))
    }
  }

  private func makeDevice(_ number: Int, calibration: Calibration) throws -> SimulatedDevice {
    var chance = root.stream(1, UInt64(number))
    let classes = configuration.classes
    let deviceClass = classes[chance.index(weights: classes.map(\.weight))].class
    let trace = configuration.traces[chance.index(below: configuration.traces.count)]
    let offset = chance.uniform() * trace.period
    var outages = Outages.none
    if let means = configuration.outages {
      outages = Outages(
        meanUpSeconds: means.meanUpSeconds, meanDownSeconds: means.meanDownSeconds,
        until: configuration.seconds, generator: &chance)
    }
    let costs = CostPredictor(model: configuration.costs, deviceClass: deviceClass)
    var policy: (any Policy)?
    if case .policy(let name) = strategy {
      policy = try PolicyRegistry.policy(
        named: name,
        settings: PolicySettings(
          costs: costs, calibration: calibration, criterion: configuration.criterion,
          offloadAfterExit: configuration.offloadAfterExit, splitLayer: configuration.splitLayer,
          codec: configuration.codec, packetDuration: configuration.packetDuration))
    }
    return SimulatedDevice(
      number: number, deviceClass: deviceClass,
      speed: configuration.costs.devices[deviceClass]?.operationsPerSecond
        ?? CostModel.standard.devices[deviceClass]?.operationsPerSecond ?? 1e9,
      costs: costs, policy: policy,
      link: SimulatedLink(
        trace: trace, offset: offset, outages: outages, conditions: configuration.conditions),
      arrivals: root.stream(2, UInt64(number)))
  }

  /// Runs to the end of virtual time.
  /// - Parameter progress: told now and then how much of it is over, from 0 to 1.
  public func run(scenario: String, progress: ((Double) -> Void)? = nil) -> FleetRun {
    for number in devices.indices { scheduleNext(number, after: 0) }
    if usesSharedEdge {
      if !background.jobs.isEmpty {
        events.schedule(.backgroundArrives(index: 0), at: background.jobs[0].time)
      }
      for crash in configuration.edge.crashes.windows {
        events.schedule(.crash, at: crash.lowerBound)
      }
    }
    while let (time, event) = events.next() {
      handle(event, at: time)
      if events.processed & 0xFFFF == 0 { progress?(min(1, time / configuration.seconds)) }
    }
    return FleetRun(
      report: statistics.report(
        strategy: strategy, scenario: scenario, seed: seed, profile: profile.header.source,
        events: events.processed, peak: events.peak), blocks: statistics.blocks)
  }

  /// An oracle never queues behind other devices: that makes it a bound where the edge is shared.
  private var usesSharedEdge: Bool { configuration.edge.isShared && oracle == nil }

  private func handle(_ event: FleetEvent, at time: Double) {
    switch event {
    case .speak(let device):
      speak(device, at: time)
    case .startArrives(let slot, let serial):
      if serials[slot] == serial { startArrives(slot, at: time) }
    case .featuresArrive(let slot, let serial):
      if serials[slot] == serial { featuresArrive(slot, at: time) }
    case .served(let slot, let serial, let seconds):
      if serials[slot] == serial { served(slot, seconds: seconds, at: time) }
    case .answerArrives(let slot, let serial, let seconds):
      if serials[slot] == serial {
        finish(slot, .answer(time: time, serverSeconds: seconds), at: time)
      }
    case .failureArrives(let slot, let serial, let failure):
      if serials[slot] == serial { finish(slot, .failure(time: time, failure), at: time) }
    case .deadline(let slot, let serial):
      if serials[slot] == serial { finish(slot, .silence(serverSeconds: 0), at: time) }
    case .backgroundArrives(let index):
      _ = edge.enqueue(.background(service: background.jobs[index].service))
      dispatch(at: time)
      if index + 1 < background.jobs.count {
        events.schedule(.backgroundArrives(index: index + 1), at: background.jobs[index + 1].time)
      }
    case .backgroundServed(let generation):
      guard generation == edge.generation else { return }
      edge.finish(seconds: nil)
      dispatch(at: time)
    case .crash:
      crash(at: time)
    }
  }

  // MARK: - Utterances

  /// Which utterance a device speaks as its `number`th, and the chance that goes with it.
  private func draw(_ device: Int, _ number: Int) -> (utterance: Int, chance: SeededGenerator) {
    var chance = root.stream(3, UInt64(device), UInt64(number))
    return (chance.index(below: profile.utterances.count), chance)
  }

  private func scheduleNext(_ number: Int, after finish: Double) {
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

  private func speak(_ number: Int, at time: Double) {
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
      statistics.decisions += 1
      let point = shape.exits[exit - 1]
      let ready = timeline.exitTime(
        exit, from: time + timeline.frontEndSeconds, exits: 0, blocks: 0)
      complete(
        context,
        resolver.local(
          context, exit: exit, exitsDone: exit, blocksDone: point.afterBlock, at: ready,
          costs: devices[number].costs))
    case .edge(let layer, let codec):
      statistics.decisions += 1
      prepareConnection(number, at: time, moment: moment, chance: &chance)
      let ready =
        time + timeline.frontEndSeconds + timeline.blockSeconds(from: 0, to: layer)
      let plan = plan(
        context, timeline, exitsDone: 0, blocksDone: layer, layer: layer, codec: codec,
        packetDuration: configuration.packetDuration, ready: ready)
      offload(context, plan, timeline, chance: &chance)
    case .baseline(let name):
      statistics.decisions += 1
      prepareConnection(number, at: time, moment: moment, chance: &chance)
      offload(context, baselinePlan(context, timeline, name: name), timeline, chance: &chance)
    case .clairvoyantOracle, .informedOracle:
      consultOracle(context, timeline)
    }
  }

  /// The loop of DeviceRecognizer.decide: asks the policy before the first exit and after each.
  private func decide(
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
    while true {
      if usesLink { settle(number, at: clock, chance: &chance) }
      let evidence = Evidence(
        model: shape, exits: exits, utteranceSeconds: utterance.seconds,
        deadlineRemaining: max(0, context.deadline - clock),
        signalToNoise: utterance.signalToNoise,
        link: usesLink ? devices[number].linkEstimator.estimate(at: clock) : .unknown,
        edge: usesLink ? devices[number].edgeEstimator.estimate(at: clock) : .unknown,
        options: usesLink ? options : .none, deviceSpeed: devices[number].measuredSpeed)
      let decision = policy.decide(evidence)
      statistics.decisions += 1
      let blocks = exits.last?.afterBlock ?? 0
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

  private func plan(
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

  private func baselinePlan(
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

  private func complete(_ context: UtteranceContext, _ result: UtteranceResult) {
    devices[context.device].energy += result.cost.energy
    statistics.add(
      result, device: context.device, words: profile.utterances[context.utterance].referenceWords,
      at: context.began, deadline: context.deadline, rate: context.rate, wait: context.wait)
    scheduleNext(context.device, after: result.finish)
  }

  // MARK: - The oracles

  private func consultOracle(_ context: UtteranceContext, _ timeline: LocalTimeline) {
    guard let oracle else { return }
    statistics.decisions += 1
    let device = devices[context.device]
    let front = context.began + timeline.frontEndSeconds
    var alternatives: [OracleAlternative] = []
    for exits in 0...shape.exits.count {
      let blocks = exits == 0 ? 0 : shape.exits[exits - 1].afterBlock
      let time = timeline.exitTime(exits, from: front, exits: 0, blocks: 0)
      if exits > 0 {
        alternatives.append(
          OracleAlternative(
            exitsSeen: exits, edge: nil,
            result: resolver.local(
              context, exit: exits, exitsDone: exits, blocksDone: blocks, at: time,
              costs: device.costs)))
      }
      for layer in profile.header.splitLayers {
        for codec in profile.header.codecs {
          let plan = plan(
            context, timeline, exitsDone: exits, blocksDone: max(blocks, layer), layer: layer,
            codec: codec, packetDuration: configuration.packetDuration,
            ready: time + timeline.blockSeconds(from: blocks, to: layer))
          let arrival = device.link.arrival(
            bytes: plan.bytes, startingAt: plan.sendStart, moment: context.moment)
          let outcome = exogenous.outcome(
            plan, link: device.link, moment: context.moment, arrival: arrival,
            limit: max(context.deadline, plan.ready)
          ).outcome
          alternatives.append(
            OracleAlternative(
              exitsSeen: exits, edge: .init(splitLayer: layer, codec: codec),
              result: resolver.offloaded(
                context, plan, outcome, timeline: timeline, link: device.link, arrival: arrival,
                costs: device.costs)))
        }
      }
    }
    complete(
      context,
      oracle.choose(
        alternatives, utterance: profile.utterances[context.utterance],
        costs: configuration.costs, exits: shape.exits.count))
  }

  // MARK: - The connection

  private func settle(_ number: Int, at time: Double, chance: inout SeededGenerator) {
    // The closure must not capture the inout parameter beyond this call, and does not.
    var local = chance
    devices[number].settle(at: time, crashes: configuration.edge.crashes) { local.uniform() }
    chance = local
  }

  /// Begins to connect if there is no connection and it is time to try: EdgeLink.prepare.
  private func prepareConnection(
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

  // MARK: - Exchanges with the edge

  private func offload(
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

  private func expectAnswers(
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
  private func endTransfer(
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

  private func startArrives(_ slot: Int, at time: Double) {
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

  private func featuresArrive(_ slot: Int, at time: Double) {
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

  private func dispatch(at time: Double) {
    while let job = edge.dispatch() {
      switch job {
      case .background(let service):
        events.schedule(.backgroundServed(generation: edge.generation), at: time + service)
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

  private func served(_ slot: Int, seconds: Double, at time: Double) {
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

  private func crash(at time: Double) {
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

  private func finish(_ slot: Int, _ outcome: OffloadOutcome, at time: Double) {
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
