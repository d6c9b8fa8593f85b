import ArgumentParser
import Foundation
import Logging
import SecureTransport
import ServiceLifecycle
import Settings
import TandemEdge

struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve devices until a signal comes.",
    discussion: """
      SIGTERM and SIGINT stop it gently: new utterances are refused, those under way are answered.

      Every setting is a flag:

      """ + SettingFlags.help(keys: EdgeSettings.keys))

  @Option(help: "YAML file with settings (Config/edge.yaml documents all of them).")
  var config: String?

  @Flag(help: "Print the settings in force and where each came from, and stop.")
  var printConfig = false

  @Option(help: "Write the bound port into this file once devices can connect.")
  var portFile: String?

  func run() async throws {
    try await reporting {
      let environment = ProcessInfo.processInfo.environment
      let path = config ?? environment[EdgeSettings.environmentPrefix + "CONFIG"]
      let settings = try EdgeSettings(
        SettingsSources(
          flags: SettingsContext.flags, environment: environment,
          file: try path.map { try SettingsFile(path: $0) }))
      if printConfig {
        print(settings.resolved.dump(), terminator: "")
        return
      }
      LoggingSystem.bootstrap(StreamLogHandler.standardError)
      var logger = Logger(label: "tandem-edge")
      logger.logLevel = Logger.Level(rawValue: settings.logLevel.rawValue) ?? .info
      let server = try EdgeServer(configuration: .init(settings), log: logger)
      print("listening on \(settings.host):\(server.port)")
      fflush(nil)
      if let portFile {
        try Data("\(server.port)\n".utf8).write(
          to: URL(fileURLWithPath: portFile), options: .atomic)
      }
      let group = ServiceGroup(
        configuration: .init(
          services: [.init(service: server)],
          gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
      try await group.run()
    }
  }
}
