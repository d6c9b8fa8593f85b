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

  let root: SeededGenerator
  let shape: ModelShape
  let options: OffloadOptions
  var resolver: OutcomeResolver
  let background: BackgroundLoad
  let exogenous: ExogenousEdge
  let oracle: Oracle?
  /// Told of every utterance that is over, what became of it, and the decisions that its device has made so far.
  var observer: ((UtteranceContext, UtteranceResult, Int) -> Void)?
  /// Told of every session as it begins, and of every decision of its policy.
  var sessionObserver: ((UtteranceContext, UtteranceSession) -> Void)?
  var decisionObserver: ((UtteranceContext, Decision) -> Void)?
  /// Told of every event of every utterance's session up to its decision; `resolver.observer` is told of those that follow.
  var eventObserver: ((UtteranceContext, UtteranceSession.Event, Double) -> Void)?
  /// Told of all that a policy is asked about when a user has stopped speaking.
  var evidenceObserver: ((Evidence) -> Void)?
  var devices: [SimulatedDevice] = []
  var events = EventQueue<FleetEvent>()
  var edge: SimulatedEdge
  var slots: [Exchange?] = []
  var serials: [Int] = []
  var freeSlots: [Int] = []
  var statistics: Statistics

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
      oracle = .informed(Self.expectations(calibration, profile, configuration))
    default: oracle = nil
    }
    try strategy.check(profile)
    devices.reserveCapacity(configuration.deviceCount)
    for number in 0..<configuration.deviceCount {
      devices.append(try makeDevice(number, calibration: calibration))
    }
  }

  func makeDevice(_ number: Int, calibration: Calibration) throws -> SimulatedDevice {
    var chance = root.stream(1, UInt64(number))
    let classes = configuration.classes
    let deviceClass = classes[chance.index(weights: classes.map(\.weight))].class
    let trace = configuration.traces[chance.index(below: configuration.traces.count)]
    let drawn = chance.uniform() * trace.period
    let offset = configuration.alignsTraces ? 0 : drawn
    var outages = Outages.none
    if let means = configuration.outages {
      outages = Outages(
        meanUpSeconds: means.meanUpSeconds, meanDownSeconds: means.meanDownSeconds,
        until: configuration.seconds, generator: &chance)
    }
    let costs = CostPredictor(model: configuration.costs, deviceClass: deviceClass)
    var policy: (any Policy)?
    if let (name, believed, trusted) = policySetup(costs, calibration) {
      policy = try PolicyRegistry.policy(
        named: name,
        settings: PolicySettings(
          costs: believed, calibration: trusted, criterion: configuration.criterion,
          offloadAfterExit: configuration.offloadAfterExit, splitLayer: configuration.splitLayer,
          codec: configuration.codec, packetDuration: configuration.packetDuration,
          cloudLatency: configuration.cloudLatency, budget: configuration.budget,
          // Devices that share an edge must not draw alike.
          seed: seed &+ UInt64(number)))
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

  /// The policy's name, and the costs and thresholds that it goes by; nil for a strategy without one.
  private func policySetup(_ costs: CostPredictor, _ calibration: Calibration) -> (
    name: String, costs: CostPredictor, calibration: Calibration
  )? {
    switch strategy {
    case .policy(let name): return (name, costs, calibration)
    case .priced(let price):
      var model = costs.model
      model.weights.megabyte += price
      return (
        ModelBasedPolicy.name, CostPredictor(model: model, deviceClass: costs.deviceClass),
        calibration
      )
    case .threshold(let value):
      var changed = calibration
      for index in changed.entries.indices { changed.entries[index].threshold = value }
      return (ConfidencePolicy.name, costs, changed)
    case .exit, .edge, .baseline, .random, .clairvoyantOracle, .informedOracle: return nil
    }
  }

  /// Tells a session of an utterance what has happened.
  func tell(
    _ session: inout UtteranceSession, _ event: UtteranceSession.Event, at time: Double,
    _ context: UtteranceContext
  ) -> [UtteranceSession.Effect] {
    eventObserver?(context, event, time)
    return session.handle(event, at: time)
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
  var usesSharedEdge: Bool { configuration.edge.isShared && oracle == nil }

  func handle(_ event: FleetEvent, at time: Double) {
    switch event {
    case .listen(let device):
      listen(device, at: time)
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
    case .backgroundServed(let generation, let seconds):
      guard generation == edge.generation else { return }
      // Others' utterances count for the wait estimate like any.
      edge.finish(seconds: seconds)
      dispatch(at: time)
    case .crash:
      crash(at: time)
    }
  }
}
