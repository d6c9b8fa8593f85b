import Offload

/// What a session's effects are carried out with: a thread that computes, a link, a clock. `DeviceMachinery` is the real one;
/// a test scripts its own.
protocol UtteranceMachinery: Sendable {
  /// Seconds of the session's clock.
  var now: Double { get }
  func sleep(until time: Double) async

  /// What is known now.
  /// - Parameter isSendingAhead: whether a stream that was begun while the user spoke is under way.
  func surroundings(isSendingAhead: Bool) -> UtteranceSession.Surroundings

  /// Keeps up with the speech down to a block.
  func keepUp(to block: Int) async throws
  /// Computes what was heard last, down to a layer, and sends it if a stream is open.
  func catchUp(to layer: Int) async throws -> UtteranceSession.Speech
  /// Computes down to an exit.
  func compute(exit: Int) async throws -> ExitEvidence
  /// Computes the features of a layer, and keeps them for `send`.
  func computeFeatures(of layer: Int) async throws

  /// Begins a stream while the user speaks.
  func open(_ start: Speculation.Start)
  /// Begins a stream for the whole utterance, and sends all of it.
  /// - Parameter deadline: seconds from now within which the edge is to answer.
  func send(_ plan: SpeculationPlan, grantedBytes: Double?, deadline: Double)
  /// Sends the end of the stream under way.
  func end(deadline: Double)
  /// Cancels the stream under way.
  func cancelStream()
  /// Waits until the stream that was begun last has ended. nil: it was answered.
  func streamOutcome() async -> EdgeFailure?
  /// As `streamOutcome`, if it has ended without an answer by now.
  var streamFailure: EdgeFailure? { get }
}

/// Drives an `UtteranceSession`: tells it what happens, and carries out what it says. It holds no rule of its own.
///
/// What takes time runs in tasks of its own and comes back as a signal; signals are handled one after the other, in the
/// order in which they come.
actor SessionDriver {
  private enum Signal: Sendable {
    case event(UtteranceSession.Event)
    /// A stream has ended; the streams of an utterance are numbered from 1.
    case stream(Int, EdgeFailure?)
    /// The machinery could not go on.
    case broken(any Error)
  }

  private(set) var session: UtteranceSession
  private let machinery: any UtteranceMachinery
  /// What happens after the end of speech; nil before.
  private var signals: AsyncStream<Signal>.Continuation?
  private var tasks: [Task<Void, Never>] = []
  /// The deepest exit that was asked for.
  private var computing = 0
  /// The stream whose end the session waits for; nil: it waits for none.
  private var stream: Int?
  private var streams = 0
  /// Told of every event and its effects: for tests.
  private let observer: (@Sendable (UtteranceSession.Event, Double) -> Void)?

  init(
    _ session: UtteranceSession, machinery: any UtteranceMachinery,
    observer: (@Sendable (UtteranceSession.Event, Double) -> Void)? = nil
  ) {
    self.session = session
    self.machinery = machinery
    self.observer = observer
  }

  /// The user begins to speak.
  func begin() async throws {
    _ = try await carryOut(handle(.speechBegan(surroundings)))
  }

  /// So much was heard, and this is what the exits say of it.
  func heard(seconds: Double, exits: [ExitEvidence], blocks: Int) async throws {
    _ = try await carryOut(
      handle(.heard(seconds: seconds, exits: exits, blocks: blocks, surroundings)))
  }

  /// The user has stopped: drives the session until it answers. What was begun for it has ended, or is cancelled, on
  /// return.
  /// - Throws: what the machinery throws; `CancellationError` when the task is cancelled.
  func answer(endedAt ended: Double) async throws -> AnswerRace.Answer {
    let (stream, signals) = AsyncStream.makeStream(of: Signal.self)
    self.signals = signals
    let effects = handle(.speechEnded, at: ended)
    let deadline = session.deadline ?? ended
    start { [machinery] in
      await machinery.sleep(until: deadline)
      signals.yield(.event(.deadline))
    }
    defer { stop() }
    return try await withTaskCancellationHandler {
      if let answer = try await carryOut(effects) { return answer }
      for await signal in stream {
        try Task.checkCancellation()
        let effects = try handle(signal)
        if let answer = try await carryOut(effects) { return answer }
      }
      // Only a cancelled task's stream ends.
      throw CancellationError()
    } onCancel: {
      signals.finish()
    }
  }

  /// The utterance is given up.
  func cancel() {
    _ = handle(.cancelled)
    stop()
  }

  private func stop() {
    for task in tasks { task.cancel() }
    tasks = []
    stream = nil
    machinery.cancelStream()
  }

  private var surroundings: UtteranceSession.Surroundings {
    machinery.surroundings(isSendingAhead: session.speculation.plan != nil)
  }

  private func start(_ body: @escaping @Sendable () async -> Void) {
    tasks.append(Task { await body() })
  }

  private func handle(
    _ event: UtteranceSession.Event, at time: Double? = nil
  ) -> [UtteranceSession.Effect] {
    let time = time ?? machinery.now
    observer?(event, time)
    return session.handle(event, at: time)
  }

  private func handle(_ signal: Signal) throws -> [UtteranceSession.Effect] {
    switch signal {
    case .event(.deadline): return handle(.deadline, at: max(machinery.now, session.deadline ?? 0))
    case .event(let event): return handle(event)
    case .stream(let number, let failure):
      guard number == stream else { return [] }
      stream = nil
      return handle(failure.map { .failed($0) } ?? .answered)
    case .broken(let error): throw error
    }
  }

  /// - Returns: the answer, if there is one.
  private func carryOut(
    _ effects: [UtteranceSession.Effect]
  ) async throws -> AnswerRace.Answer? {
    var waiting = effects[...]
    while let effect = waiting.popFirst() {
      switch effect {
      case .keepUp(let block): try await machinery.keepUp(to: block)
      case .open(let start):
        machinery.open(start)
        awaitStream()
      case .catchUp(let layer):
        compute { [machinery] in .caughtUp(try await machinery.catchUp(to: layer)) }
      case .observe:
        // A stream that has ended meanwhile is known of before the policy is asked.
        if stream != nil, let failure = machinery.streamFailure {
          stream = nil
          waiting += handle(.failed(failure))
        }
        waiting += handle(.observed(surroundings))
      case .compute(let exit):
        guard exit > computing else { continue }
        computing = exit
        compute { [machinery] in .exitReady(try await machinery.compute(exit: exit)) }
      case .computeFeatures(let layer):
        compute { [machinery] in
          try await machinery.computeFeatures(of: layer)
          return .featuresReady
        }
      case .send(let plan, let grantedBytes):
        machinery.send(plan, grantedBytes: grantedBytes, deadline: max(0.001, remaining))
        awaitStream()
      case .keep: machinery.end(deadline: remaining)
      case .withdraw:
        stream = nil
        machinery.cancelStream()
      case .answer(let answer): return answer
      case .giveUp: break
      }
    }
    return nil
  }

  /// Seconds until the deadline.
  private var remaining: Double { max(0, (session.deadline ?? 0) - machinery.now) }

  private func compute(_ body: @escaping @Sendable () async throws -> UtteranceSession.Event) {
    guard let signals else { return }
    start {
      do {
        signals.yield(.event(try await body()))
      } catch {
        signals.yield(.broken(error))
      }
    }
  }

  private func awaitStream() {
    streams += 1
    stream = streams
    Task { [weak self, machinery, number = streams] in
      let failure = await machinery.streamOutcome()
      await self?.ended(stream: number, failure)
    }
  }

  /// While the user speaks nobody waits for signals: the session is told at once.
  private func ended(stream number: Int, _ failure: EdgeFailure?) {
    if let signals {
      signals.yield(.stream(number, failure))
    } else {
      _ = try? handle(.stream(number, failure))
    }
  }
}
