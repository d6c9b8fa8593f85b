import Audio
import FeatureCodec
import Foundation
import Offload
import Synchronization

/// A real device's: the inference thread (`LocalPass`), the link (`OffloadAttempt`) and the clock, for one utterance.
final class DeviceMachinery: UtteranceMachinery {
  struct State {
    var speech = UtteranceSession.Speech(seconds: 0)
    /// The latest stream to the edge; it is kept when it is over, for what it has spent.
    var attempt: OffloadAttempt?
    /// Why the stream that was wanted last could not even be begun.
    var refusal: OffloadFailure?
    /// When sending ahead began, and bytes that had left by the end of speech.
    var aheadBegan: Double?
    var bytesAhead = 0
    /// Layer and frames that were handed to the stream that is sent ahead; nil: there is none.
    var ahead: (layer: Int, frames: Int)?
    /// Features that wait for `send`.
    var features: [Float] = []
    /// Exits that were computed after the end of speech.
    var exits: [ExitEvidence] = []
    /// The utterance is decided: what is computed from now on is the hedge, and is not measured.
    var isDecided = false
  }

  let recognizer: DeviceRecognizer
  let pass: LocalPass
  /// The question whether the edge is there; nil: it was not asked.
  let probe: EdgeProbe?
  let clock = UtteranceClock()
  private let id: [UInt8]
  private let state = Mutex(State())

  init(recognizer: DeviceRecognizer, id: [UInt8], probe: EdgeProbe?) {
    self.recognizer = recognizer
    self.id = id
    self.probe = probe
    pass = LocalPass(
      model: recognizer.model, pool: recognizer.pool, fusion: recognizer.configuration.fusion,
      beamWidth: recognizer.configuration.beamWidth,
      confidence: recognizer.configuration.exitConfidence)
  }

  deinit {
    attempt?.cancel()
    probe?.withdraw()
  }

  // MARK: Time

  var now: Double { clock.now }

  func sleep(until time: Double) async {
    try? await Task.sleep(until: clock.instant(time), clock: .continuous)
  }

  // MARK: What is known

  var attempt: OffloadAttempt? { state.withLock { $0.attempt } }
  var speech: UtteranceSession.Speech { state.withLock { $0.speech } }
  var aheadBegan: Double? { state.withLock { $0.aheadBegan } }
  var bytesAhead: Int { state.withLock { $0.bytesAhead } }

  func surroundings(isSendingAhead: Bool) -> UtteranceSession.Surroundings {
    let link = recognizer.link
    let progress = attempt?.progress
    let sent = isSendingAhead ? progress : nil
    return UtteranceSession.Surroundings(
      link: link?.linkEstimate(during: sent) ?? .unknown, edge: link?.edgeEstimate ?? .unknown,
      deviceSpeed: recognizer.speed, framesAcknowledged: Double(sent?.acknowledgedFrames ?? 0),
      bytesSent: Double(sent?.bytesSent ?? 0), bytesSpent: Double(progress?.bytes ?? 0))
  }

  // MARK: Computing

  func keepUp(to block: Int) async throws { try await pass.keepUp(to: block) }

  /// So many seconds were heard.
  func hear(_ seconds: Double) { state.withLock { $0.speech.seconds = seconds } }

  /// - Parameter samples: of the whole utterance.
  func describe(_ samples: [Float]) {
    let speech = UtteranceSession.Speech(
      seconds: Double(samples.count) / Double(AudioReader.sampleRate),
      signalToNoise: SignalToNoise.estimate(samples))
    state.withLock { $0.speech = speech }
  }

  func catchUp(to layer: Int) async throws -> UtteranceSession.Speech {
    state.withLock { $0.bytesAhead = $0.attempt?.progress.bytesSent ?? 0 }
    let framesLeft = try await pass.finish(to: layer)
    try await feed()
    return state.withLock {
      $0.speech.framesLeft = framesLeft
      $0.speech.blocksDone = pass.depth
      return $0.speech
    }
  }

  func compute(exit: Int) async throws -> ExitEvidence {
    let began = now
    let evidence = try await pass.advance(toExit: exit).evidence
    let seconds = now - began
    let work: Double? = state.withLock { state in
      defer { state.exits.append(evidence) }
      // The first exit warms up; what was computed while the user spoke says nothing here.
      guard !state.isDecided, state.speech.seconds > 0.2, let before = state.exits.last,
        evidence.afterBlock > pass.depth
      else { return nil }
      let shape = recognizer.shape
      let framesLeft = state.speech.framesLeft
      var operations = framesLeft[evidence.afterBlock - 1] * shape.exitOperations
      for block in before.afterBlock..<evidence.afterBlock {
        operations += framesLeft[block] * shape.blockOperations[block]
      }
      return operations
    }
    if let work { recognizer.measure(operations: work, seconds: seconds) }
    return evidence
  }

  func computeFeatures(of layer: Int) async throws {
    let features = try await pass.features(at: layer)
    state.withLock { $0.features = features }
  }

  // MARK: Streams

  func open(_ start: Speculation.Start) {
    let configuration = recognizer.configuration
    begin(
      start.plan, grantedBytes: start.grantedBytes,
      // The longest that the utterance can still take.
      deadline: configuration.maximumUtteranceSeconds - speech.seconds + configuration.deadline)
    state.withLock {
      $0.aheadBegan = clock.now
      $0.ahead = (start.plan.splitLayer, 0)
    }
  }

  /// Hands the stream that is sent ahead what has become ready.
  func feed() async throws {
    guard let ahead = state.withLock({ $0.ahead }), let attempt, attempt.failure == nil else {
      return
    }
    let features = try await pass.features(at: ahead.layer, from: ahead.frames)
    state.withLock { $0.ahead?.frames += features.count / recognizer.model.dimension }
    attempt.send(features)
  }

  func send(_ plan: SpeculationPlan, grantedBytes: Double?, deadline: Double) {
    let features = state.withLock { state in
      defer { state.features = [] }
      return state.features
    }
    begin(
      plan, grantedBytes: grantedBytes, deadline: deadline,
      frames: features.count / recognizer.model.dimension)
    attempt?.send(features)
    end(deadline: deadline)
  }

  func end(deadline: Double) {
    state.withLock { $0.isDecided = true }
    attempt?.end(deadline: deadline)
  }

  func cancelStream() { attempt?.cancel() }

  /// - Parameter frames: of the whole utterance; nil while the user still speaks.
  private func begin(
    _ plan: SpeculationPlan, grantedBytes: Double?, deadline: Double, frames: Int? = nil
  ) {
    attempt?.cancel()
    let model = recognizer.model
    var refusal: OffloadFailure?
    var attempt: OffloadAttempt?
    if let link = recognizer.link, let codec = try? FeatureCodec.at(plan.codec) {
      attempt = OffloadAttempt(
        OffloadHeader(
          splitLayer: plan.splitLayer, codec: codec, dimension: model.dimension,
          framesPerPacket: Packetiser.framesPerPacket(
            duration: plan.packetDuration, framesPerSecond: model.framesPerSecond),
          modelFingerprint: recognizer.modelFingerprint, utteranceID: id,
          deadline: max(0.001, deadline), grantedBytes: grantedBytes, frames: frames,
          framesPerSecond: model.framesPerSecond), link: link)
    } else {
      refusal = .unreachable(
        recognizer.link == nil ? "no edge is configured" : "there is no codec \(plan.codec)")
    }
    state.withLock { [attempt, refusal] in
      $0.attempt = attempt
      $0.refusal = refusal
      $0.ahead = nil
    }
  }

  func streamOutcome() async -> EdgeFailure? {
    guard let attempt else { return state.withLock { $0.refusal?.kind } ?? .unreachable }
    return switch await attempt.outcome {
    case .answer: nil
    case .failure(let failure): failure.kind
    }
  }

  var streamFailure: EdgeFailure? { lastFailure?.kind }

  /// Why the latest stream gave no answer; nil if it did, is under way, or there was none.
  var lastFailure: OffloadFailure? { attempt?.failure ?? state.withLock { $0.refusal } }

  /// The edge's answer, once the latest stream was answered.
  func answer() async -> OffloadAnswer? {
    guard case .answer(let answer)? = await attempt?.outcome else { return nil }
    return answer
  }
}
