import Audio
import Conformer
import Decoding
import FeatureCodec
import Foundation
import Inference
import Logging
import Offload
import Synchronization

/// Speech in, transcript out: runs the exits, asks the policy after each, and ships features to the
/// edge when the policy says so. Whatever becomes of the edge, there is an answer by the deadline.
///
/// ```swift
/// let model = try Model.load(directory: "Models/english", parts: .device)
/// let recognizer = try DeviceRecognizer(model: model, policyName: "always-local")
/// let recognition = try await recognizer.recognize(samples)
/// print(recognition.text, recognition.origin)
/// ```
public final class DeviceRecognizer: Sendable {
  public struct Configuration: Sendable {
    /// Seconds from the utterance's end within which there must be an answer.
    public var deadline = 2.0
    /// Seconds of features in one packet.
    public var packetDuration = 0.32
    public var codec = 1
    public var criterion = ConfidenceCriterion.sentencePosterior
    public var offloadAfterExit: Int?
    public var splitLayer: Int?
    /// Longer audio is cut by the endpointer.
    public var maximumUtteranceSeconds = 30.0
    /// Silence that ends an utterance, and how far above the noise floor speech lies.
    public var endSilenceSeconds = 0.8
    public var speechAboveNoiseDecibels = 9.0
    /// Whether the device answers itself when the edge does not. Without it such an utterance has none.
    public var hedge = true
    public var deviceClass = DeviceClass.laptop
    public var costs = CostModel.standard
    /// Language model and lexicon for the exits' transcripts; nil for greedy search.
    public var fusion: WordFusion?
    /// Hypotheses that the exits' search keeps, where there is something to search with.
    public var beamWidth = 8

    public init() {}
  }

  public let model: Model
  public let policy: any Policy
  public let configuration: Configuration
  private let link: EdgeLink?
  private let shape: ModelShape
  private let costs: CostPredictor
  private let pool: InferencePool
  private let log: Logger
  private let modelFingerprint: [UInt8]
  /// Measured on this machine, operations a second, from the utterances so far.
  private let speed = Mutex<Double?>(nil)

  /// - Parameters:
  ///   - policyName: one of `PolicyRegistry.names`.
  ///   - calibration: as shipped in the model's folder.
  ///   - link: nil decides everything locally.
  /// - Throws: `UnknownPolicyError`.
  public convenience init(
    model: Model, policyName: String, calibration: Calibration = .empty, link: EdgeLink? = nil,
    configuration: Configuration = Configuration(), log: Logger = Logger(label: "tandem.device")
  ) throws {
    let costs = CostPredictor(model: configuration.costs, deviceClass: configuration.deviceClass)
    let policy = try PolicyRegistry.policy(
      named: policyName,
      settings: PolicySettings(
        costs: costs, calibration: calibration, criterion: configuration.criterion,
        offloadAfterExit: configuration.offloadAfterExit, splitLayer: configuration.splitLayer,
        codec: configuration.codec, packetDuration: configuration.packetDuration))
    self.init(model: model, policy: policy, link: link, configuration: configuration, log: log)
  }

  /// With a policy that was made elsewhere: one with a budget, with a memory, or of the caller's own.
  public init(
    model: Model, policy: any Policy, link: EdgeLink? = nil,
    configuration: Configuration = Configuration(), log: Logger = Logger(label: "tandem.device")
  ) {
    self.model = model
    self.policy = policy
    self.configuration = configuration
    self.log = log
    costs = CostPredictor(model: configuration.costs, deviceClass: configuration.deviceClass)
    // A policy that never offloads gets no link, so that not one packet leaves the device.
    self.link = policy is AlwaysLocalPolicy ? nil : link
    shape = ModelShape(model)
    pool = InferencePool(threads: 1, name: "device-inference")
    modelFingerprint = bytes(hexadecimal: model.fingerprint)
  }

  deinit { pool.shutDown() }

  /// Recognises one utterance of 16 kHz samples in [-1, 1]. Cancelling the task cancels the stream.
  ///
  /// - Throws: `RecognitionError` for samples that are not finite, too many or none;
  ///   `CancellationError`.
  public func recognize(_ samples: [Float]) async throws -> Recognition {
    try check(samples)
    await link?.prepare()
    let pass = LocalPass(
      model: model, pool: pool, fusion: configuration.fusion, beamWidth: configuration.beamWidth)
    let clock = ContinuousClock()
    let began = clock.now
    let utterance = Utterance(
      id: (0..<16).map { _ in UInt8.random(in: 0...255) },
      seconds: Double(samples.count) / Double(AudioReader.sampleRate),
      signalToNoise: SignalToNoise.estimate(samples), began: began,
      deadline: began.advanced(by: .seconds(configuration.deadline)))
    try await pass.append(samples)
    try await pass.finish()
    guard let learner = policy as? any LearningPolicy else {
      return try await decide(utterance, pass)
    }
    // A learner is told of every utterance, the cancelled ones too: it must give back what it reserved.
    do {
      let recognition = try await decide(utterance, pass)
      learner.observe(outcome(of: recognition, utterance))
      return recognition
    } catch {
      learner.observe(
        Outcome(utterance: utterance.number, time: Date().timeIntervalSince1970, decisions: []))
      throw error
    }
  }

  private func check(_ samples: [Float]) throws(RecognitionError) {
    guard !samples.isEmpty else { throw .noSamples }
    let limit = Int(configuration.maximumUtteranceSeconds * Double(AudioReader.sampleRate))
    guard samples.count <= limit else {
      throw .tooLong(
        seconds: Double(samples.count) / Double(AudioReader.sampleRate),
        limit: configuration.maximumUtteranceSeconds)
    }
    if let bad = samples.firstIndex(where: { !$0.isFinite }) { throw .nonFinite(sample: bad) }
  }

  private struct Utterance {
    var id: [UInt8]
    var seconds: Double
    var signalToNoise: Double?
    var began: ContinuousClock.Instant
    var deadline: ContinuousClock.Instant
    /// What a policy leaves to chance in this utterance.
    let draw = UInt32.random(in: .min ... .max)
    /// The id as learning policies know it.
    var number: UInt64 { id.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
    var remaining: Double { max(0, ContinuousClock.now.duration(to: deadline).seconds) }
  }

  private func decide(_ utterance: Utterance, _ pass: LocalPass) async throws -> Recognition {
    var decisions: [Decision] = []
    var results: [LocalPass.ExitResult] = []
    var deviceSeconds = 0.0
    var grantedBytes: Double?
    let trafficBefore = await link?.traffic ?? (0, 0)
    while true {
      try Task.checkCancellation()
      let evidence = Evidence(
        model: shape, exits: results.map(\.evidence), utteranceSeconds: utterance.seconds,
        deadlineRemaining: utterance.remaining, signalToNoise: utterance.signalToNoise,
        link: link?.linkEstimate ?? .unknown, edge: link?.edgeEstimate ?? .unknown,
        options: link == nil ? .none : offloadOptions, deviceSpeed: speed.withLock { $0 },
        time: Date().timeIntervalSince1970, draw: utterance.draw)
      let decision = policy.decide(evidence)
      if decision.action != .nextExit, let learner = policy as? any LearningPolicy {
        switch learner.begin(decision, utterance: utterance.number, at: evidence.time) {
        case .granted(let bytes): grantedBytes = bytes
        case .refused: continue  // Another utterance took what was left; `decide` knows now.
        }
      }
      decisions.append(decision)
      var outcome: OffloadOutcome?
      deviceSeconds = utterance.began.duration(to: .now).seconds
      var local: LocalPass.ExitResult?
      switch decision.action {
      case .nextExit:
        let next = min((results.last?.evidence.exit ?? 0) + 1, model.exitCount)
        let before = results.last?.evidence.afterBlock ?? 0
        let started = ContinuousClock.now
        let result = try await pass.advance(toExit: next)
        measure(
          from: before, to: result.evidence.afterBlock, isFirst: results.isEmpty,
          seconds: started.duration(to: .now).seconds, utterance)
        if results.count < next { results.append(result) }
        continue
      case .stop(let exit):
        local = try await pass.advance(toExit: min(max(exit, 1), model.exitCount))
      case .offload(let layer, let codec, let duration):
        (outcome, local) = try await offload(
          utterance, pass, layer: layer, codec: codec, packetDuration: duration,
          grantedBytes: grantedBytes)
        if let local, local.evidence.exit > results.count { results = pass.all }
      }
      let trafficAfter = await link?.traffic ?? (0, 0)
      return recognition(
        utterance, decisions: decisions, evidence: evidence, results: results, local: local,
        outcome: outcome, deviceSeconds: deviceSeconds,
        sent: max(0, trafficAfter.0 - trafficBefore.0),
        received: max(0, trafficAfter.1 - trafficBefore.1))
    }
  }

  private var offloadOptions: OffloadOptions {
    OffloadOptions(
      splitLayers: Array(0...model.blockCount),
      rates: FeatureCodec.table.map {
        FeatureRate(
          codec: $0.index, bytesPerFrame: Double($0.bytesPerFrame(dimension: model.dimension)))
      },
      packetDurations: [configuration.packetDuration])
  }

  private func measure(
    from: Int, to: Int, isFirst: Bool, seconds: Double, _ utterance: Utterance
  ) {
    guard seconds > 0, utterance.seconds > 0.2, !isFirst else { return }
    let frames = (utterance.seconds * shape.framesPerSecond).rounded(.up)
    let operations = frames * (shape.operations(blocks: from, to: to) + shape.exitOperations)
    speed.withLock { speed in
      let now = operations / seconds
      speed = speed.map { $0 + 0.2 * (now - $0) } ?? now
    }
  }

  private enum OffloadOutcome: Sendable {
    case answer(OffloadAnswer)
    case failure(OffloadFailure)
  }

  private enum Signal: Sendable {
    case edge(OffloadOutcome)
    case deadline
  }

  /// Asks the edge, and meanwhile lets the device go on to its last exit: the hedge.
  private func offload(
    _ utterance: Utterance, _ pass: LocalPass, layer: Int, codec: Int, packetDuration: Double,
    grantedBytes: Double?
  ) async throws -> (OffloadOutcome, LocalPass.ExitResult?) {
    guard let link else { return (.failure(.unreachable("no edge is configured")), nil) }
    let features = try await pass.features(at: layer)
    let request = OffloadRequest(
      splitLayer: layer, codec: try FeatureCodec.at(codec), features: features,
      dimension: model.dimension,
      framesPerPacket: Packetiser.framesPerPacket(
        duration: packetDuration, framesPerSecond: model.framesPerSecond),
      modelFingerprint: modelFingerprint, utteranceID: utterance.id,
      deadline: max(0.001, utterance.remaining), grantedBytes: grantedBytes)

    // Unstructured on purpose: when the deadline passes the answer is given at once, without
    // waiting for a stream that may take its time to be cancelled.
    let (signals, continuation) = AsyncStream.makeStream(of: Signal.self)
    let asking = Task {
      let outcome: OffloadOutcome
      do {
        outcome = .answer(try await link.recognize(request))
      } catch let failure as OffloadFailure {
        outcome = .failure(failure)
      } catch is CancellationError {
        outcome = .failure(.cancelled)
      } catch {
        outcome = .failure(.lost("\(error)"))
      }
      continuation.yield(.edge(outcome))
    }
    let clock = Task {
      try? await Task.sleep(until: utterance.deadline, clock: .continuous)
      continuation.yield(.deadline)
    }
    let lastExit = model.exitCount
    let hedge = Task { [hedges = configuration.hedge] in
      if hedges { try await pass.advance(toExit: lastExit) }
    }
    defer {
      asking.cancel()
      clock.cancel()
      hedge.cancel()
    }
    return try await withTaskCancellationHandler {
      var failed: OffloadOutcome?
      for await signal in signals {
        try Task.checkCancellation()
        switch signal {
        case .edge(.answer(let answer)):
          hedge.cancel()
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

  private func recognition(
    _ utterance: Utterance, decisions: [Decision], evidence: Evidence,
    results: [LocalPass.ExitResult], local: LocalPass.ExitResult?, outcome: OffloadOutcome?,
    deviceSeconds: Double, sent: Int, received: Int
  ) -> Recognition {
    let latency = utterance.began.duration(to: .now).seconds
    var answer: OffloadAnswer?
    var failure: OffloadFailure?
    switch outcome {
    case .answer(let given): answer = given
    case .failure(let why): failure = why
    case nil: break
    }
    var blocksDone = results.last?.evidence.afterBlock ?? 0
    if case .offload(let layer, _, _) = decisions.last?.action {
      blocksDone = max(blocksDone, layer)
    }
    let server = answer.map { $0.serverQueueSeconds + $0.serverComputeSeconds }
    let use = MeasuredUse(
      latency: latency, blocksDone: blocksDone, exitsDone: results.count, bytesSent: sent,
      bytesReceived: received,
      transferSeconds: answer == nil ? 0 : max(0, latency - (server ?? 0)),
      serverSeconds: answer?.serverComputeSeconds ?? 0,
      expectedErrors: expectedErrors(decisions.last, local: answer == nil ? local : nil))
    return Recognition(
      id: utterance.id, text: answer?.text ?? local?.hypothesis.text ?? "",
      origin: answer != nil ? .edge : local.map { .exit($0.evidence.exit) } ?? .none,
      confidence: answer.map { exp($0.confidence) } ?? local?.evidence.sentencePosterior ?? 0,
      utteranceSeconds: utterance.seconds, latencySeconds: latency,
      deviceSeconds: deviceSeconds, bytesSent: sent, bytesReceived: received, decisions: decisions,
      exits: results.map(\.evidence),
      failure: failure, signalToNoise: utterance.signalToNoise, link: evidence.link,
      edge: evidence.edge, serverQueueSeconds: answer?.serverQueueSeconds,
      serverComputeSeconds: answer?.serverComputeSeconds,
      actualCost: costs.actualCost(use, model: shape, utteranceSeconds: utterance.seconds))
  }

  /// The errors to expect of the transcript that was given: the edge's as it was predicted, or the
  /// exit's whose transcript it is. Both sides of the log's comparison then hold the same item.
  private func expectedErrors(_ decision: Decision?, local: LocalPass.ExitResult?) -> Double? {
    guard let local else { return decision?.predictedCost?.expectedErrors }
    let stop = Action.stop(exit: local.evidence.exit)
    return decision?.predictions.first { $0.action == stop }?.cost.expectedErrors
  }

  private func outcome(of recognition: Recognition, _ utterance: Utterance) -> Outcome {
    let isOffload = recognition.decisions.last?.action.isOffload ?? false
    let use = MeasuredUse(
      latency: recognition.latencySeconds, blocksDone: 0, exitsDone: 0,
      bytesSent: recognition.bytesSent, bytesReceived: recognition.bytesReceived,
      transferSeconds: isOffload
        ? max(0, recognition.latencySeconds - recognition.deviceSeconds) : 0)
    return Outcome(
      utterance: utterance.number, time: Date().timeIntervalSince1970,
      decisions: recognition.decisions,
      offloadSeconds: isOffload ? recognition.latencySeconds - recognition.deviceSeconds : nil,
      answeredByEdge: recognition.origin == .edge,
      bytes: Double(recognition.bytesSent + recognition.bytesReceived),
      radioEnergy: costs.radioEnergy(use))
  }

  /// Ends the connection to the edge, if there is one.
  public func close() async { await link?.close() }
}

/// What can be wrong with an utterance.
public enum RecognitionError: Error, Equatable, CustomStringConvertible {
  case noSamples
  case tooLong(seconds: Double, limit: Double)
  case nonFinite(sample: Int)

  public var description: String {
    switch self {
    case .noSamples: "the utterance has 0 samples: there is nothing to recognise"
    case .tooLong(let seconds, let limit):
      "the utterance lasts \(seconds) s and the limit is \(limit) s; cut it with Endpointer, or raise maximumUtteranceSeconds"
    case .nonFinite(let sample): "sample \(sample) of the utterance is not a finite number"
    }
  }
}
