public import GRPCCore
public import GRPCNIOTransportCore
import NIOCore
public import NIOPosix

/// gRPC's server transport over HTTP/2 over OpenSSL's TLS 1.3.
///
/// ```swift
/// let tls = try TLSContext(.server, TLSOptions(
///   certificateChainPath: "edge.pem", privateKeyPath: "edge.key", trustRootsPath: "ca.pem"))
/// let transport = try SecureServerTransport.make(host: "127.0.0.1", port: 0, tls: tls)
/// let server = GRPCServer(transport: transport, services: [service])
/// print("listening on", transport.port)
/// try await server.serve()
/// ```
///
/// In a call, `transport.peers.identity(of: context)` says who calls.
public final class SecureServerTransport: ServerTransport {
  public typealias Bytes = GRPCNIOTransportBytes

  /// As given to ``make(host:port:tls:configuration:eventLoopGroup:)``.
  public let host: String
  /// The port that is bound; what the system chose if 0 was asked for.
  public let port: Int
  /// Who is behind each connection.
  public let peers: PeerIdentityTable

  private let factory: SecureListenerFactory
  private let inner: HTTP2ServerTransport.Custom<SecureListenerFactory>

  /// Binds and listens at once; connections are answered from `GRPCServer.serve` on,
  /// and wait in the kernel's queue until then.
  ///
  /// - Parameters:
  ///   - host: A name or address of this machine; `0.0.0.0` or `::` for all of them.
  ///   - port: 0 lets the system choose.
  /// - Throws: ``TLSError`` of kind `addressInUse`, `address` or `options`.
  public static func make(
    host: String, port: Int, tls: TLSContext,
    configuration: SecureServerConfiguration = SecureServerConfiguration(),
    eventLoopGroup: MultiThreadedEventLoopGroup = .singletonMultiThreadedEventLoopGroup
  ) throws -> SecureServerTransport {
    try make(
      host: host, port: port, tls: TLSCredentials(tls), configuration: configuration,
      eventLoopGroup: eventLoopGroup)
  }

  /// The same with certificates that may be renewed while it serves.
  public static func make(
    host: String, port: Int, tls: TLSCredentials,
    configuration: SecureServerConfiguration = SecureServerConfiguration(),
    eventLoopGroup: MultiThreadedEventLoopGroup = .singletonMultiThreadedEventLoopGroup
  ) throws -> SecureServerTransport {
    guard tls.role == .server else {
      throw TLSError(
        .options, "a client's TLS context cannot serve", place: "\(host):\(port)",
        remedy: "make it with TLSContext(.server, ...)")
    }
    return SecureServerTransport(
      socket: try ListeningSocket(host: host, port: port), tls: tls,
      configuration: configuration, eventLoopGroup: eventLoopGroup)
  }

  private init(
    socket: consuming ListeningSocket, tls: TLSCredentials,
    configuration: SecureServerConfiguration,
    eventLoopGroup: MultiThreadedEventLoopGroup
  ) {
    host = socket.host
    port = socket.port
    peers = PeerIdentityTable()
    factory = SecureListenerFactory(
      socket: socket, tls: tls, peers: peers, configuration: configuration,
      eventLoopGroup: eventLoopGroup)
    var config = HTTP2ServerTransport.Custom<SecureListenerFactory>.Config.defaults
    config.http2.maxConcurrentStreams = configuration.maximumConcurrentCalls
    config.rpc.maxRequestPayloadSize = configuration.maximumMessageBytes
    config.connection.maxIdleTime = configuration.maximumIdleTime
    config.connection.keepalive.time = configuration.keepaliveTime
    config.connection.keepalive.timeout = configuration.keepaliveTimeout
    inner = HTTP2ServerTransport.Custom(listenerFactory: factory, config: config)
  }

  /// Open connections, those in the handshake included.
  public var connectionCount: Int { factory.connectionCount }

  /// Ends every connection, whatever it is doing: after ``beginGracefulShutdown()``, when nothing is left that is worth
  /// waiting for.
  public func closeConnections() { factory.closeConnections() }

  public func configure(context: GRPCServerContext) { inner.configure(context: context) }

  public func listen(
    streamHandler:
      @escaping @Sendable (_ stream: RPCStream<Inbound, Outbound>, _ context: ServerContext) async
      -> Void
  ) async throws {
    try await inner.listen(streamHandler: streamHandler)
  }

  public func beginGracefulShutdown() { inner.beginGracefulShutdown() }
}
