import Audio
import FeatureCodec
import Foundation
import Offload

/// One utterance, from its first sample to its transcript.
///
/// Samples are handed over in order, one call after the other, however they are cut. While the user speaks the device
/// computes as deep as it can keep up with and as the policy is likely to want, and, if an offload is likely, sends
/// features ahead (`Speculation`). The transcript is the same with and without.
public actor StreamingUtterance {
  enum Phase {
    case listening
    case deciding
    case over
  }

  let recognizer: DeviceRecognizer
  /// 16 random bytes.
  public let id: [UInt8]
  /// What a policy leaves to chance in this utterance.
  let draw = UInt32.random(in: .min ... .max)
  let pass: LocalPass
  var speculation: Speculation
  var attempt: OffloadAttempt?
  /// The question whether the edge is there; nil: it was not asked.
  let probe: EdgeProbe?
  /// Bytes on the link before this utterance: sent, received.
  let trafficBefore: (sent: Int, received: Int)
  /// When sending ahead began.
  var aheadBegan: ContinuousClock.Instant?
  /// Whether all samples were there at once: then nothing is done ahead of the end.
  private let isWhole: Bool
  private let created = ContinuousClock.now
  private var phase = Phase.listening
  private var isBusy = false
  private var samples: [Float] = []
  /// Samples at the latest question whether to go deeper, or to send ahead.
  private var consideredSamples = 0
  private var fedFrames = 0
  /// Whether the depth to begin with was chosen.
  private var hasBegun = false
  /// What goes on behind `append`; nil: everything is computed.
  private var computing: Task<Void, Never>?
  /// Why it could not go on.
  private var failure: (any Error)?

  init(recognizer: DeviceRecognizer, isWhole: Bool) async {
    self.recognizer = recognizer
    self.isWhole = isWhole
    id = (0..<16).map { _ in UInt8.random(in: 0...255) }
    pass = LocalPass(
      model: recognizer.model, pool: recognizer.pool, fusion: recognizer.configuration.fusion,
      beamWidth: recognizer.configuration.beamWidth,
      confidence: recognizer.configuration.exitConfidence)
    speculation = Speculation(
      settings: recognizer.configuration.speculation, costs: recognizer.costs,
      maximumSeconds: recognizer.configuration.maximumUtteranceSeconds)
    trafficBefore = await recognizer.link?.traffic ?? (0, 0)
    // Of an utterance that is over there is no time to wait for an answer.
    probe = isWhole || !recognizer.probes ? nil : await recognizer.link?.probe()
  }

  deinit {
    // Let go without `finish` or `cancel`: a budget's reservation then counts as spent, as its ledger has it.
    attempt?.cancel()
    probe?.withdraw()
  }

  /// The id as learning policies know it.
  var number: UInt64 { id.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }

  /// Seconds of speech so far.
  public var seconds: Double { Double(samples.count) / Double(AudioReader.sampleRate) }

  /// What features sent ahead have come to so far.
  public var speculationPhase: Speculation.Phase { speculation.phase }

  /// Takes the next 16 kHz samples in [-1, 1].
  ///
  /// Returns as soon as they are taken; computing goes on behind. A caller that is ahead of the device waits until what it has
  /// brought before is computed, so that it cannot fill the memory.
  ///
  /// - Throws: `RecognitionError` for samples that are not finite or too many (they are not taken, and the utterance
  ///   goes on), and for a call after the end or before the one before it has returned.
  public func append(_ new: [Float]) async throws {
    try enter()
    defer { isBusy = false }
    try recognizer.check(new, after: samples.count)
    guard !new.isEmpty else { return }
    samples += new
    if !isWhole, !hasBegun {
      hasBegun = true
      let advice = speculation.consider(
        listeningEvidence([], seconds: Speculation.supposedSeconds, heard: 0),
        policy: recognizer.policy, utterance: number)
      try await pass.keepUp(to: advice.blocks)
    }
    try await pass.append(new)
    guard !isWhole else { return }
    if samples.count - consideredSamples >= 2 * interval { await computing?.value }
    if let failure { throw failure }
    // Cancelled meanwhile.
    if phase == .over { throw RecognitionError.over }
    if computing == nil { computing = Task { await compute() } }
  }

  /// The user has stopped: decides, and gives the transcript by the deadline, which counts from this call.
  ///
  /// - Throws: `RecognitionError.noSamples`, `.over`, `.overlapping`; `CancellationError` when the task is cancelled.
  public func finish() async throws -> Recognition {
    try enter()
    defer { isBusy = false }
    guard !samples.isEmpty else {
      phase = .over
      throw RecognitionError.noSamples
    }
    phase = .deciding
    defer { phase = .over }
    let began = isWhole ? created : ContinuousClock.now
    probe?.withdraw()
    pass.stopAhead()
    await computing?.value
    if let failure {
      await giveUp()
      throw failure
    }
    var ending = Ending(
      seconds: seconds, signalToNoise: SignalToNoise.estimate(samples), began: began,
      deadline: began.advanced(by: .seconds(recognizer.configuration.deadline)),
      isWhole: isWhole, bytesAhead: attempt?.progress.bytesSent ?? 0)
    do {
      // What is being sent is computed first.
      ending.framesLeft = try await pass.finish(to: speculation.plan?.splitLayer ?? 0)
      try await feed()
      let recognition = try await decide(ending)
      let outcome = outcome(of: recognition)
      recognizer.observe(isOffloaded: outcome.offloadSeconds != nil)
      learner?.observe(outcome)
      return recognition
    } catch {
      await giveUp()
      throw error
    }
  }

  /// Gives the utterance up while the user speaks: what was sent ahead is withdrawn. After `finish` was called, cancel
  /// its task instead.
  public func cancel() async {
    guard phase == .listening else { return }
    phase = .over
    await giveUp()
  }

  var learner: (any LearningPolicy)? { recognizer.policy as? any LearningPolicy }

  private func enter() throws(RecognitionError) {
    guard phase == .listening else { throw .over }
    guard !isBusy else { throw .overlapping }
    isBusy = true
  }

  /// A learner is told of every utterance, the cancelled ones too: it must give back what it reserved, less what was
  /// spent.
  private func giveUp() async {
    _ = speculation.cancel()
    attempt?.cancel()
    probe?.withdraw()
    pass.stopAhead()
    var bytes = 0
    if attempt != nil {
      let traffic = await traffic()
      bytes = traffic.sent + traffic.received
    }
    learner?.observe(
      Outcome(
        utterance: number, time: Date().timeIntervalSince1970, decisions: [],
        bytes: Double(bytes)))
  }

  /// Bytes on the link since this utterance began.
  func traffic() async -> (sent: Int, received: Int) {
    let now = await recognizer.link?.traffic ?? (sent: 0, received: 0)
    return (max(0, now.sent - trafficBefore.sent), max(0, now.received - trafficBefore.received))
  }

  /// Samples after which it is asked again what to do.
  private var interval: Int {
    Int(recognizer.configuration.packetDuration * Double(AudioReader.sampleRate))
  }

  /// Computes what was heard, asks now and then what to do while the user speaks, and does it; until nothing is left.
  private func compute() async {
    do {
      while phase == .listening {
        measure(try await pass.catchUp())
        guard phase == .listening else { break }
        if speculation.plan != nil, attempt?.failure != nil { speculation.lost() }
        let isDue = samples.count - consideredSamples >= interval
        if isDue, try await !consider() { continue }
        try await feed()
        if !isDue { break }
      }
    } catch {
      failure = error
    }
    computing = nil
  }

  /// - Returns: false if the next chunk came in between: it is computed first.
  private func consider() async throws -> Bool {
    let (count, seconds) = (samples.count, seconds)
    guard let exits = try await pass.heard()?.map(\.evidence) else { return false }
    consideredSamples = count
    guard phase == .listening else { return true }
    let advice = speculation.consider(
      listeningEvidence(exits, seconds: seconds, heard: seconds), policy: recognizer.policy,
      utterance: number)
    if let start = advice.start { open(start) }
    if advice.blocks > pass.depth { try await pass.keepUp(to: advice.blocks) }
    return true
  }

  /// Of an utterance as if it were over after `seconds`.
  private func listeningEvidence(
    _ exits: [ExitEvidence], seconds: Double, heard: Double
  ) -> Evidence {
    Evidence(
      model: recognizer.shape, exits: exits, utteranceSeconds: seconds,
      deadlineRemaining: recognizer.configuration.deadline,
      link: recognizer.link?.linkEstimate ?? .unknown,
      edge: recognizer.link?.edgeEstimate ?? .unknown, options: recognizer.offloadOptions,
      deviceSpeed: recognizer.speed, time: Date().timeIntervalSince1970, draw: draw,
      streamed: StreamedWork(isSpeaking: true, secondsHeard: heard, blocksDone: pass.depth))
  }

  private func open(_ start: Speculation.Start) {
    guard let link = recognizer.link, let codec = try? FeatureCodec.at(start.plan.codec) else {
      speculation.lost()
      return
    }
    let configuration = recognizer.configuration
    aheadBegan = .now
    attempt = OffloadAttempt(
      header(
        layer: start.plan.splitLayer, codec: codec, packetDuration: start.plan.packetDuration,
        deadline: configuration.maximumUtteranceSeconds - seconds + configuration.deadline,
        grantedBytes: start.grantedBytes), link: link)
  }

  func header(
    layer: Int, codec: FeatureCodec, packetDuration: Double, deadline: Double,
    grantedBytes: Double?
  ) -> OffloadHeader {
    OffloadHeader(
      splitLayer: layer, codec: codec, dimension: recognizer.model.dimension,
      framesPerPacket: Packetiser.framesPerPacket(
        duration: packetDuration, framesPerSecond: recognizer.model.framesPerSecond),
      modelFingerprint: recognizer.modelFingerprint, utteranceID: id,
      deadline: max(0.001, deadline), grantedBytes: grantedBytes)
  }

  /// Hands the stream what has become ready.
  private func feed() async throws {
    guard let plan = speculation.plan, let attempt else { return }
    let features = try await pass.features(at: plan.splitLayer, from: fedFrames)
    fedFrames += features.count / recognizer.model.dimension
    attempt.send(features)
  }

  private func measure(_ work: LocalPass.Work) {
    let shape = recognizer.shape
    // A single chunk may be too short to be timed.
    guard work.blockFrames.contains(where: { $0 > 0 }), work.seconds > 1e-3 else { return }
    var operations = 0.0
    for (block, frames) in work.blockFrames.enumerated() {
      operations += Double(frames) * shape.operations(blocks: block, to: block + 1)
    }
    recognizer.measure(operations: operations, seconds: work.seconds)
  }
}
