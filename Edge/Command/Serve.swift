import ArgumentParser
import Commands
import Foundation
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

  @OptionGroup var options: SettingsOptions<EdgeSettings>

  @Option(help: "Write the bound port into this file once devices can connect.")
  var portFile: String?

  func run() async throws {
    try await program.reporting {
      let settings = try options.load()
      let logger = program.makeLogger(settings.logLevel)
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
