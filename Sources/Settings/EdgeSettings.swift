/// What `tandem-edge` is told: flags over environment (`TANDEM_EDGE_…`) over file over defaults.
public struct EdgeSettings: Sendable {
  public static let environmentPrefix = "TANDEM_EDGE_"

  public var host: String
  /// 0: any free port.
  public var port: Int
  /// The model's folder.
  public var model: String
  public var certificates: CertificateSettings
  /// Whether a client must show a certificate.
  public var requireClientCertificate: Bool
  /// Threads for inference; nil: one a core.
  public var inferenceThreads: Int?
  /// Utterances that may wait; more are refused.
  public var queueLimit: Int
  /// Utterances at a time.
  public var maximumStreams: Int
  /// Packets an utterance.
  public var maximumPackets: Int
  /// Payload bytes an utterance.
  public var maximumBytes: Int
  /// Bytes a message.
  public var maximumMessageBytes: Int
  /// Seconds of speech an utterance.
  public var maximumSeconds: Int
  /// Hypotheses that the transducer's search keeps.
  public var beamSize: Int
  /// Hypotheses that Whisper's decoder keeps.
  public var whisperBeamSize: Int
  /// What is spoken, such as "en", for a model that knows several languages; nil: what model.json says.
  public var language: String?
  /// "model", "transducer", "ctc" or "fused".
  public var decoder: String
  /// "edge", "device" or "none".
  public var languageModel: String
  /// A file with the only words that may be recognised; nil: any.
  public var lexicon: String?
  /// Seconds without a packet after which an utterance is given up.
  public var streamIdleSeconds: Double
  /// Seconds without an utterance after which a connection is closed.
  public var connectionIdleSeconds: Double
  /// Seconds that running utterances have when the server stops.
  public var shutdownGraceSeconds: Double
  public var logLevel: LogLevel
  /// Every value with its origin, for `--print-config`.
  public let resolved: ResolvedSettings

  /// - Throws: `SettingsError`.
  public init(_ sources: SettingsSources = SettingsSources()) throws(SettingsError) {
    let resolved = try ResolvedSettings(
      keys: Self.keys, sources: sources, environmentPrefix: Self.environmentPrefix)
    self.resolved = resolved
    host = resolved.string("host")
    port = resolved.integer("port")
    model = resolved.string("model")
    certificates = CertificateSettings(resolved)
    requireClientCertificate = resolved.boolean("certificates.requireClient")
    let threads = resolved.integer("inference.threads")
    inferenceThreads = threads == 0 ? nil : threads
    queueLimit = resolved.integer("inference.queueLimit")
    beamSize = resolved.integer("inference.beamSize")
    whisperBeamSize = resolved.integer("inference.whisperBeamSize")
    language = resolved.optional("inference.language")
    decoder = resolved.string("inference.decoder")
    languageModel = resolved.string("inference.languageModel")
    lexicon = resolved.optional("inference.lexicon")
    maximumStreams = resolved.integer("limits.streams")
    maximumPackets = resolved.integer("limits.packets")
    maximumBytes = resolved.integer("limits.bytes")
    maximumMessageBytes = resolved.integer("limits.messageBytes")
    maximumSeconds = resolved.integer("limits.seconds")
    streamIdleSeconds = resolved.number("timeouts.streamIdleSeconds")
    connectionIdleSeconds = resolved.number("timeouts.connectionIdleSeconds")
    shutdownGraceSeconds = resolved.number("timeouts.shutdownGraceSeconds")
    logLevel = LogLevel(rawValue: resolved.string("logLevel")) ?? .info
  }
}
