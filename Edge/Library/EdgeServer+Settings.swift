import Conformer
import Models
import SecureTransport
import Settings

extension EdgeServer.Configuration {
  /// As `Config/edge.yaml`, the environment and flags describe it.
  public init(_ settings: EdgeSettings) {
    self.init(
      modelDirectory: settings.model,
      tls: TLSOptions(
        certificateChainPath: settings.certificates.certificate,
        privateKeyPath: settings.certificates.privateKey,
        trustRootsPath: settings.certificates.authority,
        verification: settings.requireClientCertificate ? .mutual : .serverOnly))
    host = settings.host
    port = settings.port
    threads = settings.inferenceThreads ?? 0
    queueLimit = settings.queueLimit
    maximumStreams = settings.maximumStreams
    maximumSeconds = settings.maximumSeconds
    maximumPackets = settings.maximumPackets
    maximumBytes = settings.maximumBytes
    maximumMessageBytes = settings.maximumMessageBytes
    beamWidth = settings.beamSize
    // "model" names none of the decoders, and so leaves the choice to the model.
    decoder = ModelConfiguration.SecondPassDecoder(rawValue: settings.decoder)
    // "none" names neither of them.
    languageModel = LanguageModelSide(rawValue: settings.languageModel)
    lexicon = settings.lexicon
    language = settings.language
    whisperBeamWidth = settings.whisperBeamSize
    streamIdle = .milliseconds(Int(settings.streamIdleSeconds * 1_000))
    connectionIdle = .milliseconds(Int(settings.connectionIdleSeconds * 1_000))
    shutdownGrace = .milliseconds(Int(settings.shutdownGraceSeconds * 1_000))
  }
}
