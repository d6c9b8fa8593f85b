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
  private let transport: SecureServerTransport
  private let server: GRPCServer<SecureServerTransport>
  private let service: EdgeService
  private let pool: InferencePool
  private let configuration: Configuration
  private let log: Logger

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
    let tls = try TLSContext(.server, configuration.tls)
    var transportConfiguration = SecureServerConfiguration(logger: log)
    transportConfiguration.maximumMessageBytes = min(
      configuration.maximumMessageBytes, ProtocolLimits.messageBytes)
    transportConfiguration.maximumIdleTime = configuration.connectionIdle
    transport = try SecureServerTransport.make(
      host: configuration.host, port: configuration.port, tls: tls,
      configuration: transportConfiguration)
    let peers = transport.peers
    service = EdgeService(
      recognizer: recognizer,
      offer: EdgeOffer(
        model: model, maximumPackets: configuration.maximumPackets,
        maximumSeconds: configuration.maximumSeconds, maximumBytes: configuration.maximumBytes),
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
          // After the grace the connections are cut, so that a stop is bounded in time.
          try? await gracefulShutdown()
          try await Task.sleep(for: self.configuration.shutdownGrace)
          throw CancellationError()
        }
        do {
          try await group.next()
        } catch is CancellationError {
          log.warning("the shutdown's grace is over; utterances under way are cut off")
        }
        group.cancelAll()
      }
    } onGracefulShutdown: {
      self.log.info("edge stops: utterances under way are answered, new ones refused")
      self.service.drain()
      self.server.beginGracefulShutdown()
    }
  }

  /// What became of the utterances so far.
  public var counts: UtteranceCounts { service.counts }

  /// Refuses new utterances, answers those under way, then `run` returns.
  public func beginShutdown() {
    service.drain()
    server.beginGracefulShutdown()
  }
}

extension EdgeOffer {
  /// What an edge with this model serves.
  public init(
    model: any SpeechModel, maximumPackets: Int = Int(ProtocolLimits.packetsPerUtterance),
    maximumSeconds: Int = Int(ProtocolLimits.secondsPerUtterance),
    maximumBytes: Int = ProtocolLimits.bytesPerUtterance
  ) {
    self.init(
      modelFingerprint: [UInt8](hexadecimal: model.fingerprint),
      modelName: model.name,
      codecFingerprint: [UInt8](hexadecimal: FeatureCodec.fingerprint),
      splitLayers: 0...model.blockCount, dimension: model.dimension,
      maximumPackets: maximumPackets, maximumSeconds: maximumSeconds, maximumBytes: maximumBytes,
      framesPerSecond: model.framesPerSecond, longestFrames: model.maximumFrames)
  }
}
