import Decoding
import FeatureCodec
import Foundation
import Logging
import Models
import Offload
import SecureTransport
import Settings
import SpeechModels
import Whisper

extension DeviceRecognizer {
  /// A recogniser as `Config/device.yaml`, the environment and flags describe it.
  ///
  /// - Throws: `SettingsError`, `ModelError`, `CalibrationError`, `LanguageModelError`, `LexiconError`,
  ///   `DecodingSettingsError`, `ExitConfidenceError`, `UnknownPolicyError`. Never for what is wrong with the edge or the
  ///   certificates: that is a link that is down.
  public convenience init(settings: DeviceSettings, log: Logger) throws {
    let model = try SpeechModels.load(
      directory: settings.model, parts: .device,
      options: WhisperOptions(padsWindows: settings.paddedWindows, language: settings.language))
    var configuration = Configuration()
    configuration.deadline = settings.deadlineSeconds
    configuration.packetDuration = settings.packetDuration
    configuration.codec = settings.codec.index
    configuration.criterion = settings.criterion
    configuration.offloadAfterExit = settings.offloadAfterExit
    configuration.splitLayer = settings.splitLayer
    configuration.maximumUtteranceSeconds = settings.maximumUtteranceSeconds
    configuration.endSilenceSeconds = settings.endSilenceSeconds
    configuration.speechAboveNoiseDecibels = settings.speechAboveNoiseDecibels
    configuration.silenceKeptSeconds = settings.silenceKeptSeconds
    configuration.deviceClass = settings.deviceClass
    configuration.hedge = settings.hedge
    configuration.probes = settings.probes
    configuration.speculation = settings.speculation
    configuration.costs = try settings.costModel()
    configuration.exitConfidence = try ExitConfidence.load(directory: settings.model)
    var settings = settings
    let criterion = configuration.criterionInForce(policy: settings.policy)
    if criterion != settings.criterion {
      settings.criterion = criterion
      log.notice(
        "the model has no \(ExitConfidence.fileName), so exits are judged by their sentence posterior; 'tandem-evaluate fit-confidence --write' makes one",
        metadata: ["model": "\(settings.model)"])
    }
    configuration.beamWidth = settings.decodingBeamSize
    configuration.fusion = try WordFusion.make(
      model: model, side: LanguageModelSide(rawValue: settings.decodingLanguageModel),
      lexicon: settings.decodingLexicon.map { try Lexicon(path: $0) }, decoder: .ctc)
    self.init(
      model: model,
      policy: try Self.policy(settings, model: model, log: log),
      link: EdgeLink(settings: settings, log: log),
      configuration: configuration, log: log)
    // A link that is down: it was logged, the next attempt looks again, and recognition goes on.
    try? link?.checkCertificates()
  }

  /// calibration.json of a model's folder; a model without one is never confident.
  ///
  /// - Throws: `CalibrationError`.
  public static func calibration(directory: String) throws -> Calibration {
    let path = directory + "/" + Calibration.fileName
    guard FileManager.default.fileExists(atPath: path) else { return .empty }
    return try Calibration(json: Data(contentsOf: URL(fileURLWithPath: path)), path: path)
  }
}

extension EdgeLink {
  /// The link that the settings name; nil when they name no edge.
  public init?(settings: DeviceSettings, log: Logger) {
    guard let host = settings.edgeHost else { return nil }
    self.init(
      host: host, port: settings.edgePort,
      tls: TLSOptions(
        certificateChainPath: settings.certificates.certificate,
        privateKeyPath: settings.certificates.privateKey,
        trustRootsPath: settings.certificates.authority,
        // Without a certificate of its own a device can only use an edge that asks for none.
        verification: settings.certificates.certificate == nil ? .serverOnly : .mutual,
        serverName: settings.edgeServerName),
      connectTimeout: .milliseconds(Int(settings.connectSeconds * 1_000)),
      edgeEstimator: EdgeEstimator(halfLife: settings.waitHalfLifeSeconds),
      // A budget spends every byte on speech.
      asksLimits: settings.policy != BudgetPolicy.name, log: log)
  }
}
