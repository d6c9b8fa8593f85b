import ArgumentParser
import Basics
import Commands
import FeatureCodec
import Settings
import SpeechModels
import TandemDevice

struct Describe: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Ask the edge what it serves, and compare with this device.")

  @OptionGroup var options: DeviceOptions

  func run() async throws {
    try await program.reporting {
      let settings = try options.load()
      let model = try SpeechModels.load(directory: settings.model, parts: .device)
      guard let link = EdgeLink(settings: settings, log: program.makeLogger(.error)) else {
        throw ValidationError("no edge: name one with --edge-host")
      }
      // Here nothing goes on without the edge: what is wrong ends the command.
      try link.checkCertificates()
      let description = try await link.describe()
      let fingerprint = description.modelFingerprint.hexadecimal
      let same = fingerprint == model.fingerprint
      let lines = [
        "edge           \(link.host):\(link.port), \(description.serverVersion)",
        "model          \(description.modelName), \(fingerprint.prefix(12))…",
        "this device    \(model.name), \(model.fingerprint.prefix(12))…, "
          + (same ? "the same" : "NOT the same: offloads will be refused"),
        "split layers   \(description.splitLayers.map { "\($0.layer)" }.joined(separator: ", "))",
        "codecs         "
          + description.codecs.map { "\($0.name) (\($0.bytesPerFrame) bytes a frame)" }
          .joined(separator: ", "),
        "limits         \(description.limits.secondsPerUtterance) s an utterance, "
          + "\(description.limits.bytesPerUtterance) bytes",
        "expected wait  \(description.expectedWaitMilliseconds) ms",
      ]
      await link.close()
      try Output.print(lines.joined(separator: "\n"))
    }
  }
}
