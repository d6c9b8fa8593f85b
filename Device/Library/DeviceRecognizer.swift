import Audio
import Basics
import Decoding
import FeatureCodec
import Foundation
import Inference
import Logging
import Models
import Offload
import Synchronization

/// Speech in, transcript out: runs the exits, asks the policy after each, and ships features to the
/// edge when the policy says so. Whatever becomes of the edge, there is an answer by the deadline.
///
/// ```swift
/// let model = try SpeechModels.load(directory: "Models/english", parts: .device)
/// let recognizer = try DeviceRecognizer(model: model, policyName: "always-local")
/// let recognition = try await recognizer.recognize(samples)
/// print(recognition.text, recognition.origin)
/// ```
///
/// A microphone's samples are handed over as they come, and most of the work is done by the time the user stops:
///
/// ```swift
/// let utterance = await recognizer.begin()
/// for await samples in microphone { try await utterance.append(samples) }
/// let recognition = try await utterance.finish()
/// ```
public final class DeviceRecognizer: Sendable {
  public struct Configuration: Sendable {
    /// Seconds from the utterance's end within which there must be an answer.
    public var deadline = 2.0
    /// Seconds of features in one packet.
    public var packetDuration = 0.32
    public var codec = 1
    /// nil: the policy's usual one.
    public var criterion: ConfidenceCriterion?
    public var offloadAfterExit: Int?
    public var splitLayer: Int?
    /// Longer audio is cut by the endpointer.
    public var maximumUtteranceSeconds = 30.0
    /// Silence that ends an utterance, and how far above the noise floor speech lies.
    public var endSilenceSeconds = 0.8
    public var speechAboveNoiseDecibels = 9.0
    /// Silence, or steady noise, kept before and behind what is spoken; nil: all of it, and a recording in which nobody
    /// speaks is recognized like any other.
    public var silenceKeptSeconds: Double? = 0.3
    /// When features leave while the user still speaks.
    public var speculation = SpeculationSettings()
    /// Whether the edge is asked for a sign of life when a user begins to speak, where `SignOfLife` wants it.
    public var probes = true
    /// Whether the device answers itself when the edge does not. Without it such an utterance has none.
    public var hedge = true
    public var deviceClass = DeviceClass.laptop
    public var costs = CostModel.standard
    /// Language model and lexicon for the exits' transcripts; nil for greedy search.
    public var fusion: WordFusion?
    /// Hypotheses that the exits' search keeps, where there is something to search with.
    public var beamWidth = 8
    /// The model's `confidence.json`: makes a probability of the exits' confidences.
    public var exitConfidence = ExitConfidence.empty
    /// `criterion`, or the sentence posterior where that asks for a probability and nothing was fitted to give one: such a model
    /// would never be sure, and everything would leave the device.
    /// - Parameter policy: its name.
    public func criterionInForce(policy: String) -> ConfidenceCriterion {
      let wanted = criterion ?? .usual(policy: policy)
      return wanted == .probability && exitConfidence.exits.isEmpty ? .sentencePosterior : wanted
    }

    public init() {}
  }

  public let model: any SpeechModel
  public let policy: any Policy
  public let configuration: Configuration
  let link: EdgeLink?
  let shape: ModelShape
  let costs: CostPredictor
  let pool: InferencePool
  let modelFingerprint: [UInt8]
  let log: Logger
  /// Measured on this machine, operations a second, from the utterances so far.
  private let measuredSpeed = Mutex<Double?>(nil)
  private let signOfLife: Mutex<SignOfLife>

  /// - Parameters:
  ///   - policyName: one of `PolicyRegistry.names`.
  ///   - calibration: as shipped in the model's folder.
  ///   - link: nil decides everything locally.
  /// - Throws: `UnknownPolicyError`.
  public convenience init(
    model: any SpeechModel, policyName: String, calibration: Calibration = .empty,
    link: EdgeLink? = nil,
    configuration: Configuration = Configuration(), log: Logger = Logger(label: "tandem.device")
  ) throws {
    let costs = CostPredictor(model: configuration.costs, deviceClass: configuration.deviceClass)
    let policy = try PolicyRegistry.policy(
      named: policyName,
      settings: PolicySettings(
        costs: costs, calibration: calibration,
        criterion: configuration.criterionInForce(policy: policyName),
        offloadAfterExit: configuration.offloadAfterExit, splitLayer: configuration.splitLayer,
        codec: configuration.codec, packetDuration: configuration.packetDuration))
    self.init(model: model, policy: policy, link: link, configuration: configuration, log: log)
  }

  /// With a policy that was made elsewhere: one with a budget, with a memory, or of the caller's own.
  public init(
    model: any SpeechModel, policy: any Policy, link: EdgeLink? = nil,
    configuration: Configuration = Configuration(), log: Logger = Logger(label: "tandem.device")
  ) {
    self.model = model
    self.policy = policy
    var configuration = configuration
    if let longest = model.maximumSeconds {
      // What a window has no room for would not be heard.
      configuration.maximumUtteranceSeconds = min(configuration.maximumUtteranceSeconds, longest)
    }
    self.configuration = configuration
    self.log = log
    costs = CostPredictor(model: configuration.costs, deviceClass: configuration.deviceClass)
    signOfLife = Mutex(SignOfLife(policy: policy, costs: costs))
    // A policy that never offloads gets no link, so that not one packet leaves the device.
    self.link = policy.usesLink ? link : nil
    shape = ModelShape(model)
    pool = InferencePool(threads: 1, name: "device-inference")
    modelFingerprint = [UInt8](hexadecimal: model.fingerprint)
  }

  deinit { pool.shutDown() }

  /// Begins an utterance whose samples come while the user speaks. Its deadline counts from its `finish`.
  public func begin() async -> StreamingUtterance {
    await link?.prepare()
    // What the question costs is the utterance's.
    let before = await link?.traffic
    return await StreamingUtterance(
      recognizer: self, probe: probes ? await link?.probe() : nil, trafficBefore: before)
  }

  /// Recognises one utterance of 16 kHz samples in [-1, 1]. Cancelling the task cancels the stream.
  ///
  /// Silence around what is spoken is left out. Where nobody speaks, nothing is computed or sent, and the transcript is empty.
  ///
  /// The utterance is over already: nothing is computed or sent ahead of its end, and the deadline counts from now.
  ///
  /// - Throws: `RecognitionError` for samples that are not finite, too many or none;
  ///   `CancellationError`.
  public func recognize(_ samples: [Float]) async throws -> Recognition {
    guard !samples.isEmpty else { throw RecognitionError.noSamples }
    try check(samples, after: 0)
    guard let speech = speech(in: samples) else { return silence(samples) }
    let samples = speech == 0..<samples.count ? samples : Array(samples[speech])
    await link?.prepare()
    // Of an utterance that is over there is no time to wait for a sign of life.
    return try await StreamingUtterance(recognizer: self, probe: nil).recognize(samples)
  }

  /// - Parameter count: samples that came before these.
  func check(_ samples: [Float], after count: Int) throws(RecognitionError) {
    let limit = Int(configuration.maximumUtteranceSeconds * Double(AudioReader.sampleRate))
    guard samples.count <= limit - count else {
      throw .tooLong(
        seconds: Double(count + samples.count) / Double(AudioReader.sampleRate),
        limit: configuration.maximumUtteranceSeconds)
    }
    if let bad = samples.firstIndex(where: { !$0.isFinite }) {
      throw .nonFinite(sample: count + bad)
    }
  }

  /// Operations a second; nil before the first measurement.
  var speed: Double? { measuredSpeed.withLock { $0 } }

  /// Takes a measurement of at least a fifth of a second of speech.
  func measure(operations: Double, seconds: Double) {
    guard seconds > 0, operations > 0 else { return }
    measuredSpeed.withLock { speed in
      let now = operations / seconds
      speed = speed.map { $0 + 0.2 * (now - $0) } ?? now
    }
  }

  /// What may be shipped, as far as the edge has said what it takes. Whether an utterance is too long is told when its length
  /// is known (`EdgeLimits`), before anything of it is sent.
  var offloadOptions: OffloadOptions {
    guard let link else { return .none }
    let accepted = link.edgeLimits.splitLayers
    return OffloadOptions(
      splitLayers: (0...model.blockCount).filter { accepted?.contains($0) ?? true },
      rates: FeatureCodec.table.map {
        FeatureRate(
          codec: $0.index, bytesPerFrame: Double($0.bytesPerFrame(dimension: model.dimension)))
      },
      packetDurations: [configuration.packetDuration])
  }

  /// What the rules of an utterance go by.
  var sessionSettings: UtteranceSession.Settings {
    UtteranceSession.Settings(
      model: shape, options: offloadOptions, deadline: configuration.deadline,
      hedge: configuration.hedge, speculation: configuration.speculation, costs: costs,
      maximumSeconds: configuration.maximumUtteranceSeconds)
  }

  /// Whether the edge is asked for a sign of life when an utterance begins.
  var probes: Bool {
    configuration.probes && signOfLife.withLock { $0.isWanted }
  }

  /// An utterance was decided: `SignOfLife` goes by how many the edge is to answer.
  func observe(isOffloaded: Bool) {
    signOfLife.withLock { $0.observe(offloaded: isOffloaded) }
  }

  /// Ends the connection to the edge, if there is one.
  public func close() async { await link?.close() }
}
