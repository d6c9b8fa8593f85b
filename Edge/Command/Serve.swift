import ArgumentParser
import Commands
import Foundation
import ServiceLifecycle
import Settings
import TandemEdge
import UnixSignals

struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve devices until a signal comes.",
    discussion: """
      SIGTERM and SIGINT stop it gently: new utterances are refused, those under way are answered. SIGHUP makes it look
      for renewed certificates at once; it finds them by itself within a minute.

      Every setting is a flag:

      """ + SettingFlags.help(keys: EdgeSettings.keys))

  @OptionGroup var options: SettingsOptions<EdgeSettings>

  @Option(help: "Write the bound port into this file once devices can connect.")
  var portFile: PathArgument?

  func run() async throws {
    try await program.reporting {
      let settings = try options.load()
      let logger = program.makeLogger(settings.logLevel)
      if let portFile { try OutputPath.check(file: portFile.path) }
      // Until somebody listens for it, it must not end the process.
      signal(SIGHUP, SIG_IGN)
      let server = try EdgeServer(configuration: .init(settings), log: logger)
      do {
        try Output.print("listening on \(settings.host):\(server.port)")
      } catch {
        // A device does not care whether anybody reads this.
        program.complain("\(error); serving all the same")
      }
      if let portFile { try OutputPath.write(Data("\(server.port)\n".utf8), to: portFile.path) }
      let renewing = Task {
        for await _ in await UnixSignalsSequence(trapping: .sighup) {
          logger.info("SIGHUP: looking for renewed certificates")
          server.renewCertificates()
        }
      }
      defer { renewing.cancel() }
      let group = ServiceGroup(
        configuration: .init(
          services: [.init(service: server)],
          gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
      try await group.run()
    }
  }
}
