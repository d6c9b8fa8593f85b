import Conformer
import Foundation
import GRPCCore
import Logging
import Offload
import SecureTransport
import TandemProtocol
import Testing

@testable import TandemDevice
@testable import TandemEdge

/// A real edge on a real loopback socket, in this process.
enum TestEdge {
  typealias Client = Tandem_V1_Tandem.Client<SecureClientTransport>

  /// The tiny random-weight models of the golden tests.
  static func modelFolder(_ name: String = "characters") -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("ConformerTests/Golden/\(name)").path
  }

  static func model(_ name: String = "characters", _ parts: Model.Parts = .device) throws -> Model {
    try Model.load(directory: modelFolder(name), parts: parts)
  }

  static func configuration(_ model: String = "characters") throws -> EdgeServer.Configuration {
    var configuration = EdgeServer.Configuration(
      modelDirectory: modelFolder(model), tls: try TestCertificates.shared.get().edgeOptions())
    configuration.port = 0
    configuration.threads = 1
    configuration.shutdownGrace = .seconds(5)
    return configuration
  }

  /// Serves while `body` runs.
  static func run<Result>(
    _ configuration: EdgeServer.Configuration? = nil, log: LogCapture = LogCapture(),
    _ body: (EdgeServer) async throws -> Result
  ) async throws -> Result {
    let server = try EdgeServer(
      configuration: configuration ?? Self.configuration(), log: log.logger)
    let running = Task { try await server.run() }
    do {
      let result = try await body(server)
      await stop(server, running)
      return result
    } catch {
      await stop(server, running)
      throw error
    }
  }

  /// Stops accepting before it cancels: gRPC's transport ends the process when it is cancelled with a connection that it
  /// has accepted and not yet looked at (a NIOAsyncWriter that nobody finished), as a busy machine brings about.
  private static func stop(_ server: EdgeServer, _ running: Task<Void, any Error>) async {
    server.beginShutdown()
    let cancelling = Task {
      // Streams that a test has left open are cut then.
      try await Task.sleep(for: .seconds(2))
      running.cancel()
    }
    _ = await running.result
    cancelling.cancel()
  }

  /// A plain gRPC client with the device's certificate, to send what no device of ours would.
  static func withClient<Result: Sendable>(
    _ server: EdgeServer, _ body: @Sendable (Client) async throws -> Result
  ) async throws -> Result {
    let transport = try await SecureClientTransport.connect(
      host: "127.0.0.1", port: server.port,
      tls: TLSContext(.client, TestCertificates.shared.get().deviceOptions()))
    return try await withGRPCClient(transport: transport) { client in
      try await body(Client(wrapping: client))
    }
  }

  /// A link with the device's own certificate unless others are given.
  static func link(
    port: Int, tls: TLSOptions? = nil, connectTimeout: Duration = .seconds(5),
    linkEstimator: LinkEstimator = LinkEstimator(), asksLimits: Bool = false,
    log: LogCapture = LogCapture()
  ) throws -> EdgeLink {
    try EdgeLink(
      host: "127.0.0.1", port: port,
      tls: tls ?? TestCertificates.shared.get().deviceOptions(), connectTimeout: connectTimeout,
      linkEstimator: linkEstimator, asksLimits: asksLimits, log: log.logger)
  }

  /// A device that offloads every utterance; lossless, with a deadline that no slow machine misses.
  static func device(
    _ link: EdgeLink?, model: String = "characters", policy: String = "always-edge",
    _ change: (inout DeviceRecognizer.Configuration) -> Void = { _ in }
  ) throws -> DeviceRecognizer {
    var configuration = DeviceRecognizer.Configuration()
    configuration.deadline = 60
    configuration.codec = 0
    // The tests' sounds count to the sample.
    configuration.silenceKeptSeconds = nil
    change(&configuration)
    return try DeviceRecognizer(
      model: Self.model(model), policyName: policy, link: link, configuration: configuration,
      log: LogCapture().logger)
  }

  /// Waits until `condition` holds; a slow machine may take its time, but not for ever.
  static func eventually(
    _ what: String, within limit: Duration = .seconds(30),
    _ condition: () async throws -> Bool
  ) async throws {
    let end = ContinuousClock.now.advanced(by: limit)
    while ContinuousClock.now < end {
      if try await condition() { return }
      try await Task.sleep(for: .milliseconds(20))
    }
    Issue.record("never happened: \(what)")
  }
}
