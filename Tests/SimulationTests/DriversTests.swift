import Foundation
import Offload
import Synchronization
import Testing

@testable import Simulation
@testable import TandemDevice

/// The simulator plays utterances; the device's driver is then given the same events at the same times. It must tell its
/// session of the same events in the same order, decide the same, and give the same answer.
@Suite("Device and simulator drive one session", .timeLimit(.minutes(10)))
struct DriversTests {
  typealias Event = UtteranceSession.Event

  /// One utterance as the simulator drove it.
  struct Trace {
    let session: UtteranceSession
    var events: [(event: Event, time: Double)] = []
    var decisions: [Decision] = []
    var answer: AnswerRace.Answer?
  }

  /// What the simulator did with every utterance, in the order in which they began.
  private func traces(
    policy: String, _ configuration: FleetConfiguration, seed: UInt64
  ) throws -> [Trace] {
    let profile = try Fixtures.profile()
    let simulation = try FleetSimulation(
      configuration: configuration, profile: profile,
      calibration: Fixtures.calibration(profile), strategy: .policy(policy), seed: seed)
    var traces: [UInt64: Trace] = [:]
    var order: [UInt64] = []
    simulation.sessionObserver = { context, session in
      order.append(context.identity)
      traces[context.identity] = Trace(session: session)
    }
    simulation.eventObserver = { context, event, time in
      traces[context.identity]?.events.append((event, time))
    }
    simulation.decisionObserver = { traces[$0.identity]?.decisions.append($1) }
    simulation.resolver.observer = { context, event, time in
      guard let told = traces[context.identity]?.events else { return }
      let translated: Event
      switch event {
      case .exitReady:
        let count = told.count { if case .exitReady = $0.event { true } else { false } }
        translated = .exitReady(profile.utterances[context.utterance].exits[count].evidence)
      case .answered: translated = .answered
      case .failed(let why): translated = .failed(why)
      case .deadline:
        // A session is told once.
        if told.contains(where: { if case .deadline = $0.event { true } else { false } }) { return }
        translated = .deadline
      }
      traces[context.identity]?.events.append((translated, time))
    }
    simulation.observer = { context, result, _ in
      traces[context.identity]?.answer = AnswerRace.Answer(
        origin: result.origin, failure: result.failure)
    }
    _ = simulation.run(scenario: "test")
    return order.compactMap { traces[$0] }.filter { $0.answer != nil }
  }

  private static func worlds() -> [FleetConfiguration] {
    var worlds: [FleetConfiguration] = []
    for rate in [
      RateTrace.constant(bitsPerSecond: 60_000), .constant(bitsPerSecond: 5e6),
      RateTrace(starts: [0, 40, 55], rates: [2e6, 0, 100_000], period: 90),
    ] {
      for isShared in [false, true] {
        var world = Fixtures.configuration(
          seconds: 900, devices: 4, isShared: isShared, rate: rate,
          crashes: Outages(windows: [300...420]))
        world.classes = [(class: .phone, weight: 1), (class: .microcontroller, weight: 1)]
        world.outages = (meanUpSeconds: 60, meanDownSeconds: 10)
        world.speculation = SpeculationSettings(mode: .likely, threshold: 0.3)
        world.streams = worlds.count % 3 != 2
        world.hedge = worlds.count != 1
        world.deadline = worlds.count < 4 ? 2 : 0.3
        worlds.append(world)
      }
    }
    return worlds
  }

  @Test(
    arguments: [
      AlwaysLocalPolicy.name, AlwaysEdgePolicy.name, ConfidencePolicy.name, DeadlinePolicy.name,
      ModelBasedPolicy.name,
    ])
  func sameEventsSameDecisions(policy: String) async throws {
    var kinds: [String: Int] = [:]
    for (number, world) in Self.worlds().enumerated() {
      for trace in try traces(policy: policy, world, seed: UInt64(number)).prefix(60) {
        let machinery = ScriptedMachinery(trace.events)
        let driver = SessionDriver(trace.session, machinery: machinery) { machinery.told($0, $1) }
        let answer = try await machinery.play(driver)
        #expect(machinery.mismatch == nil)
        #expect(answer == trace.answer)
        #expect(await driver.session.decisions == trace.decisions)
        guard machinery.mismatch == nil, answer == trace.answer else { return }
        kinds["\(answer.origin) \(answer.failure?.rawValue ?? "")", default: 0] += 1
        if machinery.calls.contains("end") { kinds["kept", default: 0] += 1 }
        if machinery.calls.contains("cancel") { kinds["cancelled", default: 0] += 1 }
      }
    }
    // Nothing is shown by utterances that all went the same way.
    #expect(kinds.values.reduce(0, +) > 200)
    if policy != AlwaysLocalPolicy.name {
      #expect(kinds["edge ", default: 0] > 0 && kinds["kept", default: 0] > 0, "\(kinds)")
      #expect(kinds.keys.contains { $0.hasSuffix("deadline") }, "\(kinds)")
    }
  }
}

/// Lets a driver's requests come true when a trace says so.
final class ScriptedMachinery: UtteranceMachinery {
  typealias Event = UtteranceSession.Event

  enum Request: Hashable {
    case deadline
    case speech
    case exit(Int)
    case features
    case stream
  }

  private struct State {
    var cursor = 0
    var waiting: [(request: Request, continuation: CheckedContinuation<Void, Never>)] = []
    var isOver = false
    var mismatch: String?
    var calls: Set<String> = []
  }

  private let events: [(event: Event, time: Double)]
  private let state = Mutex(State())

  init(_ events: [(event: Event, time: Double)]) { self.events = events }

  /// How the driver departed from the trace; nil: it did not.
  var mismatch: String? { state.withLock { $0.mismatch } }
  var calls: Set<String> { state.withLock { $0.calls } }
  private var cursor: Int { state.withLock { $0.cursor } }
  /// The event that comes next.
  private var next: (event: Event, time: Double) { events[min(cursor, events.count - 1)] }

  /// The driver has told its session of an event.
  func told(_ event: Event, _ time: Double) {
    state.withLock { state in
      guard state.cursor < events.count else {
        state.mismatch = state.mismatch ?? "after the trace's end: \(event) at \(time)"
        return
      }
      let wanted = events[state.cursor]
      if "\(event)" != "\(wanted.event)" || time != wanted.time {
        state.mismatch =
          state.mismatch
          ?? "event \(state.cursor): \(event) at \(time) instead of \(wanted.event) at \(wanted.time)"
      }
      state.cursor += 1
    }
  }

  /// Lets the whole trace come true.
  func play(_ driver: SessionDriver) async throws -> AnswerRace.Answer {
    defer { finish() }
    var answering: Task<AnswerRace.Answer, any Error>?
    for (index, (event, time)) in events.enumerated() where mismatch == nil {
      switch event {
      case .speechBegan: try await driver.begin()
      case .heard(let seconds, let exits, let blocks, _):
        try await driver.heard(seconds: seconds, exits: exits, blocks: blocks)
      case .speechEnded: answering = Task { try await driver.answer(endedAt: time) }
      case .caughtUp: await release(.speech)
      case .exitReady(let exit): await release(.exit(exit.exit))
      case .featuresReady: await release(.features)
      case .answered: await release(.stream)
      case .deadline: await release(.deadline)
      case .failed:
        // Before a question to the policy the driver looks by itself.
        var isAsked = false
        if index + 1 < events.count, case .observed = events[index + 1].event { isAsked = true }
        if !isAsked { await release(.stream) }
      case .observed, .cancelled: break
      }
      await wait("event \(index), \(event), was not told") { self.cursor > index }
    }
    guard let answering else { throw CancellationError() }
    if mismatch != nil { answering.cancel() }
    return try await answering.value
  }

  private func finish() {
    let waiting = state.withLock { state in
      state.isOver = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for (_, continuation) in waiting { continuation.resume() }
  }

  private func wait(_ complaint: String, until isTrue: () -> Bool) async {
    for attempt in 0..<40_000 where !isTrue() {
      if attempt < 1_000 {
        await Task.yield()
      } else {
        try? await Task.sleep(for: .microseconds(250))
      }
    }
    if !isTrue() { state.withLock { $0.mismatch = $0.mismatch ?? complaint } }
  }

  private func release(_ request: Request) async {
    await wait("nobody has asked for \(request)") {
      self.state.withLock { $0.waiting.contains { $0.request == request } }
    }
    state.withLock { state in
      state.waiting.lastIndex { $0.request == request }.map { state.waiting.remove(at: $0) }
    }?.continuation.resume()
  }

  private func wait(for request: Request) async {
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        if !state.isOver { state.waiting.append((request, continuation)) }
        return state.isOver
      }
      if isOver { continuation.resume() }
    }
  }

  private func note(_ call: String) { _ = state.withLock { $0.calls.insert(call) } }

  // MARK: UtteranceMachinery

  var now: Double { next.time }
  func sleep(until time: Double) async { await wait(for: .deadline) }

  func surroundings(isSendingAhead: Bool) -> UtteranceSession.Surroundings {
    switch next.event {
    case .speechBegan(let surroundings), .heard(_, _, _, let surroundings),
      .observed(let surroundings):
      surroundings
    default: UtteranceSession.Surroundings()
    }
  }

  func keepUp(to block: Int) async throws {}

  func catchUp(to layer: Int) async throws -> UtteranceSession.Speech {
    await wait(for: .speech)
    if case .caughtUp(let speech) = next.event { return speech }
    throw CancellationError()
  }

  func compute(exit: Int) async throws -> ExitEvidence {
    await wait(for: .exit(exit))
    if case .exitReady(let evidence) = next.event { return evidence }
    throw CancellationError()
  }

  func computeFeatures(of layer: Int) async throws { await wait(for: .features) }
  func open(_ start: Speculation.Start) { note("open") }
  func send(_ plan: SpeculationPlan, grantedBytes: Double?, deadline: Double) { note("send") }
  func end(deadline: Double) { note("end") }
  func cancelStream() { note("cancel") }

  func streamOutcome() async -> EdgeFailure? {
    await wait(for: .stream)
    if case .failed(let why) = next.event { return why }
    return nil
  }

  var streamFailure: EdgeFailure? {
    if case .failed(let why) = next.event { why } else { nil }
  }
}
