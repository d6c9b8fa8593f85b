import Audio
import Foundation
import Offload

/// One utterance, from its first sample to its transcript.
///
/// Samples are handed over in order, one call after the other, however they are cut. While the user speaks the device
/// computes as deep as it can keep up with and as the policy is likely to want, and, if an offload is likely, sends
/// features ahead (`Speculation`). The transcript is the same with and without.
///
/// The rules are `UtteranceSession`'s; `SessionDriver` carries them out with `DeviceMachinery`. This actor takes samples, and
/// tells what came of the utterance.
public actor StreamingUtterance {
  enum Phase {
    case listening
    case deciding
    case over
  }

  let recognizer: DeviceRecognizer
  /// 16 random bytes.
  public let id: [UInt8]
  let machinery: DeviceMachinery
  let driver: SessionDriver
  /// Names the utterance to policies that learn.
  let number: UInt64
  /// Bytes on the link before this utterance: sent, received.
  let trafficBefore: (sent: Int, received: Int)
  private var phase = Phase.listening
  private var isBusy = false
  private var samples: [Float] = []
  /// Samples at the latest question whether to go deeper, or to send ahead.
  private var consideredSamples = 0
  /// What goes on behind `append`; nil: everything is computed.
  private var computing: Task<Void, Never>?
  /// Why it could not go on.
  private var failure: (any Error)?

  /// - Parameter probe: what was asked of the edge when the user began to speak.
  /// - Parameter trafficBefore: bytes on the link before the probe was asked, sent and received; nil: as now.
  init(
    recognizer: DeviceRecognizer, probe: EdgeProbe?,
    trafficBefore: (sent: Int, received: Int)? = nil
  ) async {
    self.recognizer = recognizer
    let id = (0..<16).map { _ in UInt8.random(in: 0...255) }
    self.id = id
    number = id.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    machinery = DeviceMachinery(recognizer: recognizer, id: id, probe: probe)
    driver = SessionDriver(
      UtteranceSession(
        settings: recognizer.sessionSettings, policy: recognizer.policy, utterance: number,
        draw: UInt32.random(in: .min ... .max)), machinery: machinery)
    if let trafficBefore {
      self.trafficBefore = trafficBefore
    } else {
      self.trafficBefore = await recognizer.link?.traffic ?? (0, 0)
    }
  }

  deinit {
    // Let go without `finish` or `cancel`: a budget's reservation then counts as spent, as its ledger has it.
    machinery.cancelStream()
    machinery.probe?.withdraw()
  }

  /// Seconds of speech so far.
  public var seconds: Double { Double(samples.count) / Double(AudioReader.sampleRate) }

  /// What features sent ahead have come to so far.
  public var speculationPhase: Speculation.Phase {
    get async { await driver.session.speculation.phase }
  }

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
    let isFirst = samples.isEmpty
    samples += new
    let isStreaming = recognizer.model.isStreaming
    if isFirst, isStreaming {
      try await driver.begin()
    }
    try await machinery.pass.append(new)
    // A model that needs all of the utterance begins at its end, as if it had been handed over as a whole.
    guard isStreaming else { return }
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
    return try await end(at: machinery.now)
  }

  /// The utterance as a whole: it is over before anything was computed, and the deadline counts from when it was made.
  func recognize(_ whole: [Float]) async throws -> Recognition {
    try enter()
    defer { isBusy = false }
    samples = whole
    try await machinery.pass.append(whole)
    return try await end(at: machinery.clock.origin)
  }

  /// Gives the utterance up while the user speaks: what was sent ahead is withdrawn. After `finish` was called, cancel
  /// its task instead.
  public func cancel() async {
    guard phase == .listening else { return }
    phase = .over
    await giveUp()
  }

  private func end(at time: Double) async throws -> Recognition {
    phase = .deciding
    defer { phase = .over }
    do {
      machinery.probe?.withdraw()
      machinery.pass.stopAhead()
      await computing?.value
      if let failure { throw failure }
      machinery.describe(samples)
      let answer = try await driver.answer(endedAt: time)
      let recognition = await recognition(answer)
      let outcome = outcome(of: recognition)
      recognizer.observe(isOffloaded: outcome.offloadSeconds != nil)
      learner?.observe(outcome)
      return recognition
    } catch {
      await giveUp()
      throw error
    }
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
    await driver.cancel()
    machinery.probe?.withdraw()
    machinery.pass.stopAhead()
    var bytes = 0
    if machinery.attempt != nil {
      let traffic = await traffic()
      bytes = traffic.sent + traffic.received
    }
    learner?.observe(
      Outcome(utterance: number, time: machinery.now, decisions: [], bytes: Double(bytes)))
  }

  /// Bytes on the link since this utterance began.
  func traffic() async -> (sent: Int, received: Int) {
    let now = await recognizer.link?.traffic ?? (sent: 0, received: 0)
    return (max(0, now.sent - trafficBefore.sent), max(0, now.received - trafficBefore.received))
  }

  // MARK: While the user speaks

  /// Samples after which it is asked again what to do.
  private var interval: Int {
    Int(recognizer.configuration.packetDuration * Double(AudioReader.sampleRate))
  }

  /// Computes what was heard, asks now and then what to do while the user speaks, and does it; until nothing is left.
  private func compute() async {
    do {
      while phase == .listening {
        measure(try await machinery.pass.catchUp())
        guard phase == .listening else { break }
        let isDue = samples.count - consideredSamples >= interval
        if isDue, try await !consider() { continue }
        try await machinery.feed()
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
    guard let exits = try await machinery.pass.heard()?.map(\.evidence) else { return false }
    consideredSamples = count
    guard phase == .listening else { return true }
    machinery.hear(seconds)
    try await driver.heard(seconds: seconds, exits: exits, blocks: machinery.pass.depth)
    return true
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
