import GRPCCore
import GRPCNIOTransportCore
import NIOPosix
import TandemProtocol

@testable import SecureTransport

/// Runs a body against a real edge on loopback, and stops the edge after it.
enum EchoServer {
  static func run<Result: Sendable>(
    tls: TLSOptions? = nil, credentials: TLSCredentials? = nil, host: String = "127.0.0.1",
    configuration: SecureServerConfiguration = SecureServerConfiguration(),
    _ body: @Sendable (SecureServerTransport, EchoService) async throws -> Result
  ) async throws -> Result {
    let credentials =
      try credentials
      ?? TLSCredentials(TLSContext(.server, tls ?? TestCertificates.shared.serverOptions()))
    let transport = try SecureServerTransport.make(
      host: host, port: 0, tls: credentials, configuration: configuration)
    let service = EchoService(peers: transport.peers)
    let server = GRPCServer(transport: transport, services: [service])
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.serve() }
      let result: Result
      do {
        result = try await body(transport, service)
      } catch {
        group.cancelAll()
        throw error
      }
      server.beginGracefulShutdown()
      try await group.waitForAll()
      return result
    }
  }

  /// One connection with the given files, and a client on it.
  static func withClient<Result: Sendable>(
    port: Int, tls: TLSOptions? = nil, host: String = "127.0.0.1",
    _ body:
      @Sendable (Tandem_V1_Tandem.Client<SecureClientTransport>, SecureClientTransport)
      async throws -> Result
  ) async throws -> Result {
    let context = try TLSContext(.client, tls ?? TestCertificates.shared.clientOptions())
    let transport = try await SecureClientTransport.connect(host: host, port: port, tls: context)
    return try await withGRPCClient(transport: transport) { client in
      try await body(Tandem_V1_Tandem.Client(wrapping: client), transport)
    }
  }
}
