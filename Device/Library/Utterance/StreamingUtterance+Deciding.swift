import FeatureCodec
import Foundation
import Offload

// From the utterance's end to its answer: the policy's chain of decisions, the hedge and the deadline.
extension StreamingUtterance {
  func decide(_ ending: Ending) async throws -> Recognition {
    let model = recognizer.model
    var decisions: [Decision] = []
    var results: [LocalPass.ExitResult] = []
    var grantedBytes = speculation.grantedBytes
    while true {
      try Task.checkCancellation()
      let evidence = speculation.evidence(evidence(ending, results))
      var decision = recognizer.policy.decide(evidence)
      if ending.remaining <= 0, let last = results.last {
        decision = stop(at: last, instead: decision, evidence)
      }
      if decision.action != .nextExit, let learner, !speculation.hasReservation {
        switch learner.begin(decision, utterance: number, at: evidence.time) {
        case .granted(let bytes): grantedBytes = bytes
        case .refused: continue  // Another utterance took what was left; `decide` knows now.
        }
      }
      decisions.append(decision)
      let deviceSeconds = ending.elapsed
      let settlement = speculation.settle(decision)
      if case .withdraw = settlement { attempt?.cancel() }
      switch decision.action {
      case .nextExit:
        let next = min((results.last?.evidence.exit ?? 0) + 1, model.exitCount)
        let started = ContinuousClock.now
        let before = results.last?.evidence.afterBlock ?? 0
        guard let result = try await advance(toExit: next, by: ending.deadline) else {
          // The deadline passed on the way; the next round stops at the deepest exit that is there.
          results = pass.all
          continue
        }
        measure(
          from: before, to: result.evidence.afterBlock,
          isFirst: results.isEmpty, seconds: started.duration(to: .now).seconds, ending)
        if results.count < next { results.append(result) }
      case .stop(let exit):
        let local = try await pass.advance(toExit: min(max(exit, 1), model.exitCount))
        return await recognition(
          ending, decisions: decisions, evidence: evidence, local: local, outcome: nil,
          deviceSeconds: deviceSeconds)
      case .offload(let layer, let codec, let duration):
        if case .keep = settlement {
          attempt?.end(deadline: ending.remaining)
        } else {
          try await ask(
            ending, layer: layer, codec: codec, packetDuration: duration,
            // What a stream that broke has spent is not there any more.
            grantedBytes: grantedBytes.map { max(0, $0 - Double(attempt?.progress.bytes ?? 0)) })
        }
        let (outcome, local) = try await answer(ending)
        return await recognition(
          ending, decisions: decisions, evidence: evidence, local: local, outcome: outcome,
          deviceSeconds: deviceSeconds)
      }
    }
  }

  private func evidence(_ ending: Ending, _ results: [LocalPass.ExitResult]) -> Evidence {
    if speculation.plan != nil, attempt?.failure != nil { speculation.lost() }
    var streamed: StreamedWork?
    if !ending.isWhole {
      streamed = StreamedWork(
        isSpeaking: false, secondsHeard: ending.seconds, blocksDone: pass.depth,
        framesLeft: ending.framesLeft)
      if let plan = speculation.plan, let attempt {
        streamed?.sent = SentAhead(
          splitLayer: plan.splitLayer, codec: plan.codec,
          frames: Double(attempt.progress.acknowledgedFrames), bytes: Double(ending.bytesAhead))
      }
      streamed?.reservedBytes = speculation.grantedBytes.map {
        max(0, $0 - Double(attempt?.progress.bytes ?? 0))
      }
    }
    return Evidence(
      model: recognizer.shape, exits: results.map(\.evidence), utteranceSeconds: ending.seconds,
      deadlineRemaining: ending.remaining, signalToNoise: ending.signalToNoise,
      link: recognizer.link?.linkEstimate(during: speculation.plan == nil ? nil : attempt?.progress)
        ?? .unknown,
      edge: recognizer.link?.edgeEstimate ?? .unknown, options: recognizer.offloadOptions,
      deviceSpeed: recognizer.speed, time: Date().timeIntervalSince1970, draw: draw,
      streamed: streamed)
  }

  /// The deadline has passed: the deepest exit that is there is the answer, whatever the policy would like.
  private func stop(
    at result: LocalPass.ExitResult, instead decision: Decision, _ evidence: Evidence
  ) -> Decision {
    let action = Action.stop(exit: result.evidence.exit)
    if decision.action == action { return decision }
    return Decision(
      policy: decision.policy, action: action, reason: .deadlinePassed,
      predictions: decision.predictions.map {
        Decision.Prediction(
          action: $0.action, cost: $0.cost, probability: $0.action == action ? 1 : 0)
      }, evidence: evidence)
  }

  /// Computes down to an exit. nil: the deadline passed before, and there is at least one exit to answer with.
  ///
  /// Before the first exit the deadline is not heeded: late is better than nothing.
  private func advance(
    toExit exit: Int, by deadline: ContinuousClock.Instant
  ) async throws -> LocalPass.ExitResult? {
    let pass = pass
    guard !pass.all.isEmpty else { return try await pass.advance(toExit: exit) }
    let (signals, continuation) = AsyncStream.makeStream(
      of: Result<LocalPass.ExitResult, any Error>?.self)
    let computing = Task {
      do {
        continuation.yield(.success(try await pass.advance(toExit: exit)))
      } catch {
        continuation.yield(.failure(error))
      }
    }
    let clock = Task {
      try? await Task.sleep(until: deadline, clock: .continuous)
      continuation.yield(nil)
    }
    defer {
      computing.cancel()
      clock.cancel()
    }
    for await result in signals {
      try Task.checkCancellation()
      return try result?.get()
    }
    // Only a cancelled task's stream ends.
    throw CancellationError()
  }

  private func measure(
    from: Int, to: Int, isFirst: Bool, seconds: Double, _ ending: Ending
  ) {
    // The first one warms up; what was computed while the user spoke says nothing here.
    guard ending.seconds > 0.2, !isFirst, to > pass.depth else { return }
    let shape = recognizer.shape
    var operations = ending.framesLeft[to - 1] * shape.exitOperations
    for block in from..<to { operations += ending.framesLeft[block] * shape.blockOperations[block] }
    recognizer.measure(operations: operations, seconds: seconds)
  }

  /// Opens a stream for an utterance that is over, and sends all of it.
  private func ask(
    _ ending: Ending, layer: Int, codec: Int, packetDuration: Double, grantedBytes: Double?
  ) async throws {
    attempt?.cancel()
    attempt = nil
    guard let link = recognizer.link else { return }
    let features = try await pass.features(at: layer)
    let attempt = OffloadAttempt(
      header(
        layer: layer, codec: try FeatureCodec.at(codec), packetDuration: packetDuration,
        deadline: ending.remaining, grantedBytes: grantedBytes), link: link)
    attempt.send(features)
    attempt.end(deadline: max(0.001, ending.remaining))
    self.attempt = attempt
  }

  private enum Signal: Sendable {
    case edge(OffloadAttempt.Outcome)
    case deadline
  }

  /// Waits for the edge, and meanwhile lets the device go on to its last exit: the hedge.
  private func answer(
    _ ending: Ending
  ) async throws -> (OffloadAttempt.Outcome, LocalPass.ExitResult?) {
    let configuration = recognizer.configuration
    let pass = pass
    let lastExit = recognizer.model.exitCount
    let (signals, continuation) = AsyncStream.makeStream(of: Signal.self)
    let asking = Task { [attempt] in
      continuation.yield(
        .edge(await attempt?.outcome ?? .failure(.unreachable("no edge is configured"))))
    }
    let clock = Task {
      try? await Task.sleep(until: ending.deadline, clock: .continuous)
      continuation.yield(.deadline)
    }
    let hedge = Task { [hedges = configuration.hedge] in
      if hedges { try await pass.advance(toExit: lastExit) }
    }
    defer {
      attempt?.cancel()
      asking.cancel()
      clock.cancel()
      hedge.cancel()
    }
    return try await withTaskCancellationHandler {
      var failed: OffloadAttempt.Outcome?
      for await signal in signals {
        try Task.checkCancellation()
        switch signal {
        case .edge(.answer(let answer)):
          return (.answer(answer), nil)
        case .edge(.failure(let failure)):
          // No edge any more: the device's last exit is the best there is; it has until the
          // deadline, which is still to come through `signals`.
          failed = .failure(failure == .cancelled ? .deadline : failure)
          Task {
            _ = try? await hedge.value
            continuation.yield(.deadline)
          }
        case .deadline:
          hedge.cancel()
          let outcome = failed ?? .failure(.deadline)
          guard configuration.hedge else { return (outcome, nil) }
          if let deepest = pass.all.last { return (outcome, deepest) }
          // Nothing was ready by the deadline: late is better than nothing.
          return (outcome, try await pass.advance(toExit: 1))
        }
      }
      throw CancellationError()
    } onCancel: {
      continuation.finish()
    }
  }
}
