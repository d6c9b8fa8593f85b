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
  private let tls: TLSContext
  private let configuration: SecureServerConfiguration
  private let host: String
  private let port: Int
  private let socket: Mutex<ListeningSocket>
  private let connections = Atomic<Int>(0)

  init(
    socket: consuming ListeningSocket, tls: TLSContext, peers: PeerIdentityTable,
    configuration: SecureServerConfiguration, eventLoopGroup: any EventLoopGroup
  ) {
    self.eventLoopGroup = eventLoopGroup
    self.tls = tls
    self.peers = peers
    self.configuration = configuration
    host = socket.host
    port = socket.port
    self.socket = Mutex(socket)
  }

  /// Open connections, those in the handshake included.
  var connectionCount: Int { connections.load(ordering: .relaxed) }

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
      .serverChannelInitializer { listenerConfigurator.configure(channel: $0) }
      .bind(descriptor) { channel in
        channel.eventLoop.makeCompletedFuture {
          let handler = TLSHandler(context: self.tls, options: self.handlerOptions(for: channel))
          try channel.pipeline.syncOperations.addHandler(handler)
        }.flatMap {
          connectionConfigurator.configure(channel: channel, tls: .configured(requireALPN: true))
        }
      }
  }

  private func handlerOptions(for channel: any Channel) -> TLSHandlerOptions {
    var options = TLSHandlerOptions()
    options.handshakeTimeout = TimeAmount(configuration.handshakeTimeout)
    options.shutdownTimeout = TimeAmount(configuration.shutdownTimeout)
    let open = connections.add(1, ordering: .relaxed).newValue
    options.isAdmitted = open <= configuration.maximumConnections
    let logger = configuration.logger
    options.onFailure = { logger?.notice("connection failed", metadata: ["error": "\($0)"]) }

    let peers = self.peers
    let key = PeerIdentityTable.key(channel.remoteAddress)
    let number = key.map { peers.begin(remotePeer: $0) }
    if let key, let number {
      options.onHandshake = { identity in
        if let identity { peers.enter(identity, remotePeer: key, connection: number) }
      }
    }
    options.onClose = {
      self.connections.subtract(1, ordering: .relaxed)
      if let key, let number { peers.end(remotePeer: key, connection: number) }
    }
    return options
  }
}
