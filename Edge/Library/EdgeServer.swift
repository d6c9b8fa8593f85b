import Basics
import Conformer
import Decoding
import FeatureCodec
import Foundation
import GRPCCore
import Inference
import Logging
import Models
import SecureTransport
import ServiceLifecycle
import SpeechModels
import Synchronization
import TandemProtocol
import Whisper

/// A whole edge: model, inference threads, gRPC over TLS. A `Service`, so that swift-service-lifecycle
/// stops it on a signal: new utterances are refused, those under way are answered.
///
/// ```swift
/// let server = try EdgeServer(configuration: .init(modelDirectory: "Models/english", tls: tls))
/// print("listening on", server.port)
/// try await server.run()
/// ```
public final class EdgeServer: Service {
  public struct Configuration: Sendable {
    public var host = "127.0.0.1"
    /// 0 lets the system choose.
    public var port = 7443
    public var modelDirectory: String
    public var tls: TLSOptions
    /// Inference threads; 0 means one for each core.
    public var threads = 0
    /// Utterances that may wait for a thread.
    public var queueLimit = 64
    /// Utterances that may be under way, receiving included.
    public var maximumStreams = 128
    public var maximumSeconds = 60
    public var maximumPackets = Int(ProtocolLimits.packetsPerUtterance)
    public var maximumBytes = ProtocolLimits.bytesPerUtterance
    public var maximumMessageBytes = ProtocolLimits.messageBytes
    /// How long a stream may be silent.
    public var streamIdle: Duration = .seconds(10)
    /// How long a connection without a stream is kept.
    public var connectionIdle: Duration = .seconds(600)
    /// Paths of the beam search; 1 is greedy.
    public var beamWidth = 4
    /// nil: what the model says.
    public var decoder: ModelConfiguration.SecondPassDecoder?
    /// Which of the model's language models the search asks; nil for none.
    public var languageModel: LanguageModelSide? = .edge
    /// Path of a list of the only words that may be recognised; nil for any.
    public var lexicon: String?
    /// Hypotheses of Whisper's decoder; 1 is greedy. It has a number of its own, since each costs as much as all of the transducer's.
    public var whisperBeamWidth = 1
    /// What is spoken, such as "en", for a model that knows several languages; nil: what model.json says.
    public var language: String?
    /// How long a stop waits for the utterances under way.
    public var shutdownGrace: Duration = .seconds(10)

    public init(modelDirectory: String, tls: TLSOptions) {
      self.modelDirectory = modelDirectory
      self.tls = tls
    }
  }

  /// The port that is bound.
  public var port: Int { transport.port }
  public let model: any SpeechModel
  private let credentials: TLSCredentials
  private let transport: SecureServerTransport
  private let server: GRPCServer<SecureServerTransport>
  private let service: EdgeService
  private let pool: InferencePool
  private let configuration: Configuration
  private let log: Logger
  /// Ends when the server is to stop.
  private let stopping = AsyncStream<Void>.makeStream()

  /// Loads the model and the certificates, and binds the port: whatever is wrong shows here.
  ///
  /// - Throws: `ModelError`, `LanguageModelError`, `LexiconError`, `DecodingSettingsError`, `TLSError`.
  public init(configuration: Configuration, log: Logger = Logger(label: "tandem.edge")) throws {
    self.configuration = configuration
    self.log = log
    let model = try SpeechModels.load(directory: configuration.modelDirectory, parts: .edge)
    let recognizer = try EdgeRecognizer(
      model: model,
      beamWidth: model is WhisperModel
        ? configuration.whisperBeamWidth : configuration.beamWidth, decoder: configuration.decoder,
      languageModel: configuration.languageModel,
      lexicon: try configuration.lexicon.map { try Lexicon(path: $0) },
      language: configuration.language)
    self.model = model
    let threads =
      configuration.threads > 0
      ? configuration.threads : ProcessInfo.processInfo.activeProcessorCount
    pool = InferencePool(
      threads: threads, queueLimit: configuration.queueLimit, name: "edge-inference")
    let credentials = TLSCredentials(.server, configuration.tls) { log.warning("\($0)") }
    // Whatever is wrong with them shows now.
    _ = try credentials.context()
    self.credentials = credentials
    var transportConfiguration = SecureServerConfiguration(logger: log)
    let limit = DescriptorLimit.raise()
    transportConfiguration.fitConnections(intoDescriptors: limit)
    transportConfiguration.maximumMessageBytes = min(
      configuration.maximumMessageBytes, ProtocolLimits.messageBytes)
    transportConfiguration.maximumIdleTime = configuration.connectionIdle
    transport = try SecureServerTransport.make(
      host: configuration.host, port: configuration.port, tls: credentials,
      configuration: transportConfiguration)
    let peers = transport.peers
    service = EdgeService(
      recognizer: recognizer,
      offer: EdgeOffer(
        model: model, maximumPackets: configuration.maximumPackets,
        maximumSeconds: configuration.maximumSeconds, maximumBytes: configuration.maximumBytes,
        maximumMessageBytes: configuration.maximumMessageBytes),
      pool: pool, maximumStreams: configuration.maximumStreams,
      streamIdle: configuration.streamIdle,
      identify: { peers.identity(of: $0)?.commonName }, log: log)
    server = GRPCServer(transport: transport, services: [service])
  }

  /// Serves until the task is cancelled or a graceful shutdown is asked for.
  public func run() async throws {
    log.info(
      "edge serves",
      metadata: [
        "host": "\(configuration.host)", "port": "\(port)", "model": "\(model.name)",
        "fingerprint": "\(model.fingerprint.prefix(12))", "threads": "\(pool.threads)",
      ])
    defer { pool.shutDown() }
    try await withGracefulShutdownHandler {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await self.server.serve() }
        group.addTask {
          for await _ in self.stopping.stream { break }
          try await self.endConnections()
          throw CancellationError()
        }
        group.addTask {
          // New connections look for themselves; this is for an edge that has none for days.
          while true {
            try await Task.sleep(for: .seconds(60))
            self.renewCertificates()
          }
        }
        do {
          try await group.next()
        } catch is CancellationError {
          let count = service.openUtterances
          if count > 0 {
            log.warning(
              "the shutdown's grace is over; utterances under way are cut off",
              metadata: ["utterances": "\(count)"])
          }
        }
        group.cancelAll()
      }
    } onGracefulShutdown: {
      self.log.info("edge stops: utterances under way are answered, new ones refused")
      self.beginShutdown()
    }
  }

  /// After a stop was asked for: returns when the shutdown's grace is over. Connections on which nothing is under way are
  /// told, and closed soon after, so that clients that stay connected do not hold up the end.
  private func endConnections() async throws {
    let end = ContinuousClock.now.advanced(by: configuration.shutdownGrace)
    var wasIdle = false
    while ContinuousClock.now < end {
      try await Task.sleep(for: min(Self.farewell, ContinuousClock.now.duration(to: end)))
      let isIdle = service.openUtterances == 0
      // Twice: the last answer may still be on its way out, and a call that was read not yet admitted.
      if isIdle, wasIdle { transport.closeConnections() }
      wasIdle = isIdle
    }
  }

  /// Half the time from the end's announcement to closing idle connections.
  private static let farewell = Duration.milliseconds(500)

  /// Looks whether certificates have been renewed, as every new connection does, and warns of one that ends soon.
  /// New files that cannot be used are logged, and what was read before stays in force.
  public func renewCertificates() { _ = try? credentials.context() }

  /// What became of the utterances so far.
  public var counts: UtteranceCounts { service.counts }

  /// Refuses new utterances, answers those under way, then `run` returns.
  public func beginShutdown() {
    service.drain()
    server.beginGracefulShutdown()
    stopping.continuation.finish()
  }
}

extension EdgeOffer {
  /// What an edge with this model serves.
  public init(
    model: any SpeechModel, maximumPackets: Int = Int(ProtocolLimits.packetsPerUtterance),
    maximumSeconds: Int = Int(ProtocolLimits.secondsPerUtterance),
    maximumBytes: Int = ProtocolLimits.bytesPerUtterance,
    maximumMessageBytes: Int = ProtocolLimits.messageBytes
  ) {
    self.init(
      modelFingerprint: [UInt8](hexadecimal: model.fingerprint),
      modelName: model.name,
      codecFingerprint: [UInt8](hexadecimal: FeatureCodec.fingerprint),
      splitLayers: 0...model.blockCount, dimension: model.dimension,
      maximumPackets: maximumPackets, maximumSeconds: maximumSeconds, maximumBytes: maximumBytes,
      maximumMessageBytes: maximumMessageBytes, framesPerSecond: model.framesPerSecond,
      longestFrames: model.maximumFrames)
  }
}
