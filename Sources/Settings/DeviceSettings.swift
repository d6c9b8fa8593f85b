import FeatureCodec
import Offload

/// What `tandem-device` is told: flags over environment (`TANDEM_DEVICE_…`) over file over defaults.
public struct DeviceSettings: Sendable {
  public static let environmentPrefix = "TANDEM_DEVICE_"

  /// The model's folder.
  public var model: String
  /// nil: there is no edge, everything stays local.
  public var edgeHost: String?
  public var edgePort: Int
  /// The name that the edge's certificate must have.
  public var edgeServerName: String?
  /// Seconds to wait for a connection.
  public var connectSeconds: Double
  /// Seconds after which what the edge said of its wait counts half.
  public var waitHalfLifeSeconds: Double
  /// Whether the edge is asked for a sign of life when a user begins to speak.
  public var probes: Bool
  public var certificates: CertificateSettings
  /// A name in `PolicyRegistry`.
  public var policy: String
  public var criterion: ConfidenceCriterion
  /// nil: after the last.
  public var offloadAfterExit: Int?
  /// Seconds within which `deadline` wants the edge's answer.
  public var cloudLatencySeconds: Double
  /// What `budget` may spend a day.
  public var budget: Budget
  /// How `bandit` learns.
  public var bandit: BanditSettings
  /// How near ties are drawn.
  public var damping: DampedChoice.Preset
  /// When features leave while the user still speaks.
  public var speculation: SpeculationSettings
  /// Seed of what policies leave to chance.
  public var randomSeed: UInt64
  /// Where `always-edge` splits; nil: at the lowest layer.
  public var splitLayer: Int?
  public var codec: FeatureCodec
  /// Seconds of speech a packet.
  public var packetDuration: Double
  /// "none", "device" or "edge": which language model the exits' transcripts are searched with.
  public var decodingLanguageModel: String
  /// A file with the only words that the device may recognise; nil: any.
  public var decodingLexicon: String?
  /// Hypotheses that the exits' search keeps.
  public var decodingBeamSize: Int
  /// Whether Whisper's windows are always 30 s long.
  public var paddedWindows: Bool
  /// What is spoken, such as "en", for a model that knows several languages; nil: what model.json says.
  public var language: String?
  /// Seconds from the end of the utterance to the answer.
  public var deadlineSeconds: Double
  /// Whether the device's own transcript is given when the edge is late.
  public var hedge: Bool
  /// nil: no log.
  public var decisionLog: String?
  public var storeTranscripts: Bool
  /// Folder in which policies that learn keep what they remember; nil: nowhere.
  public var policyMemory: String?
  public var maximumUtteranceSeconds: Double
  /// Seconds of silence that end an utterance.
  public var endSilenceSeconds: Double
  /// Decibels above the noise floor that count as speech.
  public var speechAboveNoiseDecibels: Double
  /// Seconds of silence kept around what is spoken.
  public var silenceKeptSeconds: Double
  public var deviceClass: DeviceClass
  /// Path of a costs file; nil: `CostModel.standard`.
  public var costs: String?
  /// Threads for the encoder.
  public var threads: Int
  public var logLevel: LogLevel
  /// Every value with its origin, for `--print-config`.
  public let resolved: ResolvedSettings

  /// - Throws: `SettingsError`.
  public init(_ sources: SettingsSources = SettingsSources()) throws(SettingsError) {
    let resolved = try ResolvedSettings(
      keys: Self.keys, sources: sources, environmentPrefix: Self.environmentPrefix)
    self.resolved = resolved
    model = resolved.string("model")
    edgeHost = resolved.optional("edge.host")
    edgePort = resolved.integer("edge.port")
    edgeServerName = resolved.optional("edge.serverName")
    connectSeconds = resolved.number("edge.connectSeconds")
    waitHalfLifeSeconds = resolved.number("edge.waitHalfLifeSeconds")
    probes = resolved.boolean("edge.probes")
    certificates = CertificateSettings(resolved)
    policy = resolved.string("policy")
    criterion =
      ConfidenceCriterion(rawValue: resolved.string("confidence.criterion"))
      ?? .usual(policy: resolved.string("policy"))
    let after = resolved.integer("confidence.offloadAfterExit")
    offloadAfterExit = after == 0 ? nil : after
    cloudLatencySeconds = resolved.number("cloudLatencySeconds")
    budget = Budget(
      resource: Budget.Resource(rawValue: resolved.string("budget.resource")) ?? .megabytes,
      perDay: resolved.number("budget.perDay"))
    bandit = BanditSettings(
      exploration: resolved.number("bandit.exploration"),
      memory: resolved.number("bandit.memoryUtterances"),
      optimism: resolved.number("bandit.optimism"))
    damping = DampedChoice.Preset(rawValue: resolved.string("damping")) ?? .alone
    speculation = SpeculationSettings(
      mode: SpeculationSettings.Mode(rawValue: resolved.string("speculation")) ?? .off,
      threshold: resolved.number("speculationThreshold"))
    randomSeed = UInt64(max(resolved.integer("randomSeed"), 0))
    let layer = resolved.integer("offload.splitLayer")
    splitLayer = layer < 0 ? nil : layer
    let codecName = resolved.string("offload.codec")
    codec = FeatureCodec.table.first { $0.name == codecName } ?? FeatureCodec.table[0]
    packetDuration = Double(resolved.integer("offload.packetMilliseconds")) / 1000
    decodingLanguageModel = resolved.string("decoding.languageModel")
    decodingLexicon = resolved.optional("decoding.lexicon")
    decodingBeamSize = resolved.integer("decoding.beamSize")
    paddedWindows = resolved.boolean("decoding.paddedWindows")
    language = resolved.optional("decoding.language")
    deadlineSeconds = resolved.number("deadlineSeconds")
    hedge = resolved.boolean("hedge")
    decisionLog = resolved.optional("decisionLog.path")
    storeTranscripts = resolved.boolean("decisionLog.storeTranscripts")
    policyMemory = resolved.optional("policyMemory")
    maximumUtteranceSeconds = resolved.number("utterance.maximumSeconds")
    endSilenceSeconds = resolved.number("utterance.endSilenceSeconds")
    speechAboveNoiseDecibels = resolved.number("utterance.speechAboveNoiseDecibels")
    silenceKeptSeconds = resolved.number("utterance.silenceKeptSeconds")
    deviceClass = DeviceClass(rawValue: resolved.string("deviceClass")) ?? .laptop
    costs = resolved.optional("costs")
    threads = resolved.integer("threads")
    logLevel = LogLevel(rawValue: resolved.string("logLevel")) ?? .warning
  }

  /// The costs in force: the file's, or the standard ones.
  /// - Throws: `SettingsError`.
  public func costModel() throws(SettingsError) -> CostModel {
    guard let costs else { return .standard }
    return try CostSettings.load(SettingsFile(path: costs))
  }

  /// What the policy in force is told.
  /// - Parameter calibration: the model's.
  /// - Throws: `SettingsError` for the costs file.
  public func policySettings(calibration: Calibration) throws(SettingsError) -> PolicySettings {
    PolicySettings(
      costs: CostPredictor(model: try costModel(), deviceClass: deviceClass),
      calibration: calibration, criterion: criterion, offloadAfterExit: offloadAfterExit,
      splitLayer: splitLayer, codec: codec.index, packetDuration: packetDuration,
      cloudLatency: cloudLatencySeconds, budget: budget, bandit: bandit,
      dampedChoice: DampedChoice(damping), seed: randomSeed)
  }

  /// The policy in force.
  /// - Parameter calibration: the model's.
  /// - Throws: `SettingsError` for the costs file.
  public func makePolicy(calibration: Calibration) throws -> any Policy {
    try PolicyRegistry.policy(named: policy, settings: policySettings(calibration: calibration))
  }
}
