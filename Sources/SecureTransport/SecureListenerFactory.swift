import GRPCNIOTransportCore
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Makes gRPC's listening channel out of a bound socket, with TLS first in every
/// accepted connection's pipeline.
final class SecureListenerFactory: HTTP2ServerTransport.ListenerFactory {
  let eventLoopGroup: any EventLoopGroup
  let peers: PeerIdentityTable
  private let tls: TLSCredentials
  private let configuration: SecureServerConfiguration
  private let host: String
  private let port: Int
  private let socket: Mutex<ListeningSocket>
  private let connections: OpenConnections
  private let lastPause = Mutex<NIODeadline?>(nil)

  init(
    socket: consuming ListeningSocket, tls: TLSCredentials, peers: PeerIdentityTable,
    configuration: SecureServerConfiguration, eventLoopGroup: any EventLoopGroup
  ) {
    self.eventLoopGroup = eventLoopGroup
    self.tls = tls
    self.peers = peers
    self.configuration = configuration
    connections = OpenConnections(
      maximum: configuration.maximumConnections,
      maximumStrangers: max(16, configuration.maximumConnections / 4),
      logger: configuration.logger)
    host = socket.host
    port = socket.port
    self.socket = Mutex(socket)
  }

  /// Open connections, those in the handshake included.
  var connectionCount: Int { connections.count }

  /// Ends every connection, whatever it is doing.
  func closeConnections() { connections.closeAll() }

  func makeListeningChannel(
    listenerConfigurator: HTTP2ServerTransport.ListenerConfigurator,
    connectionConfigurator: HTTP2ServerTransport.ConnectionConfigurator
  ) async throws -> NIOAsyncChannel<
    HTTP2ServerTransport.ConnectionConfigurator.ConnectionChannel, Never
  > {
    guard let descriptor = socket.withLock({ $0.take() }) else {
      throw TLSError(
        .closed, "this server has been started before", place: "\(host):\(port)",
        remedy: "make a new SecureServerTransport for every start")
    }
    return try await ServerBootstrap(group: eventLoopGroup)
      .serverChannelInitializer { channel in
        // Without it a process out of descriptors would try to accept as fast as it can.
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            AcceptBackoffHandler(shouldForwardIOErrorCaught: false, backoffProvider: self.pause))
        }.flatMap { listenerConfigurator.configure(channel: channel) }
      }
      .bind(descriptor) { channel in
        channel.eventLoop.makeCompletedFuture {
          let handler = TLSHandler(
            context: try self.tls.context(), options: self.handlerOptions(for: channel))
          try channel.pipeline.syncOperations.addHandler(handler)
        }.flatMap {
          connectionConfigurator.configure(channel: channel, tls: .configured(requireALPN: true))
        }
      }
  }

  /// The kernel has no descriptor for another connection: they wait in its queue, and it is asked again.
  private func pause(after error: IOError) -> TimeAmount? {
    let isNews = lastPause.withLock { last in
      let now = NIODeadline.now()
      defer { last = now }
      return last.map { now - $0 > .seconds(60) } ?? true
    }
    if isNews {
      configuration.logger?.error(
        "connections cannot be accepted and wait; raise the limit of open files (ulimit -n)",
        metadata: ["error": "\(error)", "open": "\(connectionCount)"])
    }
    return .seconds(1)
  }

  private func handlerOptions(for channel: any Channel) -> TLSHandlerOptions {
    var options = TLSHandlerOptions()
    options.handshakeTimeout = TimeAmount(configuration.handshakeTimeout)
    options.shutdownTimeout = TimeAmount(configuration.shutdownTimeout)
    let connections = self.connections
    let (connection, isAdmitted) = connections.open(channel)
    options.isAdmitted = isAdmitted
    let logger = configuration.logger
    options.onFailure = { logger?.notice("connection failed", metadata: ["error": "\($0)"]) }

    let peers = self.peers
    let key = PeerIdentityTable.key(channel.remoteAddress)
    let number = key.map { peers.begin(remotePeer: $0) }
    options.onHandshake = { identity in
      connections.prove(connection)
      if let identity, let key, let number {
        peers.enter(identity, remotePeer: key, connection: number)
      }
    }
    options.onClose = {
      connections.close(connection)
      if let key, let number { peers.end(remotePeer: key, connection: number) }
    }
    return options
  }
}
