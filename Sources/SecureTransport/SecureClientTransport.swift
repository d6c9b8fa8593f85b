public import GRPCCore
public import GRPCNIOTransportCore
import Glibc
import NIOCore
public import NIOPosix
import Synchronization

/// gRPC's client transport over one connection: HTTP/2 over OpenSSL's TLS 1.3.
///
/// ```swift
/// let transport = try await SecureClientTransport.connect(host: "edge.local", port: 7443, tls: tls)
/// try await withGRPCClient(transport: transport) { client in
///   let tandem = Tandem_V1_Tandem.Client(wrapping: client)
/// }
/// ```
///
/// It never reconnects: when the connection has ended, calls fail (those under way with
/// `RPCError` of code `unavailable`), ``failure`` says why, and a new one is made with ``connect(host:port:tls:connectTimeout:eventLoopGroup:)``.
public final class SecureClientTransport: ClientTransport {
  public typealias Bytes = GRPCNIOTransportBytes

  /// Who the server proved to be.
  public let peer: PeerIdentity
  /// How long TCP and the TLS handshake took, to the first byte that the server sent
  /// as an accepted peer. Two round trips and the signatures, a third for the reply.
  public let connectDuration: Duration
  /// Bytes on the wire so far.
  public let traffic: TLSTraffic

  /// How far the transport has come. gRPC's wrapped channel insists on being run: one
  /// that is dropped, or stopped before it runs, ends the process (its asynchronous
  /// channel checks that somebody consumed it). This keeps account and prevents both.
  private struct Life {
    var isRunning = false
    var hasStreams = false
  }

  private let inner: HTTP2ClientTransport.WrappedChannel
  private let channel: any Channel
  private let outcome: ConnectionOutcome
  private let life = Mutex(Life())

  /// One attempt's channel, with what its handler will report.
  private struct Attempt: Sendable {
    var channel: any Channel
    var outcome: ConnectionOutcome
  }

  private init(
    inner: HTTP2ClientTransport.WrappedChannel, attempt: Attempt, peer: PeerIdentity,
    connectDuration: Duration
  ) {
    self.inner = inner
    self.peer = peer
    self.connectDuration = connectDuration
    channel = attempt.channel
    outcome = attempt.outcome
    traffic = attempt.outcome.traffic
  }

  deinit {
    guard !life.withLock({ $0.isRunning }) else { return }
    channel.close(promise: nil)
    let inner = self.inner
    Task { try? await inner.connect() }
  }

  /// Connects, and waits until the server has accepted this client: under TLS 1.3 a
  /// refused certificate shows only after the client's own handshake is done.
  ///
  /// - Parameters:
  ///   - host: A DNS name or address; all its addresses are tried (RFC 8305).
  ///   - tls: Made with `TLSContext(.client, ...)`. Its `serverName`, or else `host`,
  ///     must stand in the server's certificate.
  ///   - connectTimeout: For TCP; and again for the handshake.
  /// - Throws: ``TLSError``; `CancellationError` when the task is cancelled.
  public static func connect(
    host: String, port: Int, tls: TLSContext, connectTimeout: Duration = .seconds(5),
    configuration: SecureClientConfiguration = SecureClientConfiguration(),
    eventLoopGroup: MultiThreadedEventLoopGroup = .singletonMultiThreadedEventLoopGroup
  ) async throws -> SecureClientTransport {
    let place = "\(host):\(port)"
    guard tls.role == .client else {
      throw TLSError(
        .options, "a server's TLS context cannot connect", place: place,
        remedy: "make it with TLSContext(.client, ...)")
    }
    let serverName = tls.options.serverName ?? host
    let start = ContinuousClock.now
    let attempt = try await openChannel(
      host: host, port: port, connectTimeout: connectTimeout, group: eventLoopGroup
    ) { channel in
      var options = TLSHandlerOptions()
      options.handshakeTimeout = TimeAmount(connectTimeout)
      options.shutdownTimeout = TimeAmount(configuration.shutdownTimeout)
      // gRPC's handlers join once the server has accepted this client: they cannot be
      // taken back, and there may be several attempts.
      options.holdsInbound = true
      let outcome = ConnectionOutcome(on: channel.eventLoop)
      outcome.observe(&options, place: place)
      return channel.eventLoop.makeCompletedFuture { [options] in
        try channel.pipeline.syncOperations.addHandler(
          TLSHandler(context: tls, serverName: serverName, place: place, options: options))
        return Attempt(channel: channel, outcome: outcome)
      }
    }
    let peer = try await acceptance(of: attempt)
    let duration = ContinuousClock.now - start
    let inner = try await HTTP2ClientTransport.WrappedChannel.wrapping(
      config: configuration.transport(authority: "\(serverName):\(port)")
    ) { configure in
      try await attempt.channel.eventLoop.flatSubmit {
        join(attempt, place: place, configure: configure)
      }.get()
    }
    return SecureClientTransport(
      inner: inner, attempt: attempt, peer: peer, connectDuration: duration)
  }

  /// TCP, to whichever of the host's addresses answers first.
  private static func openChannel(
    host: String, port: Int, connectTimeout: Duration, group: MultiThreadedEventLoopGroup,
    initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Attempt>
  ) async throws -> Attempt {
    do {
      return try await ClientBootstrap(group: group)
        .connectTimeout(TimeAmount(connectTimeout))
        .connect(host: host, port: port, channelInitializer: initializer)
    } catch {
      try Task.checkCancellation()
      throw unreachable(error, place: "\(host):\(port)", timeout: connectTimeout)
    }
  }

  /// Waits until the server has accepted this client; closes the channel if it does not.
  private static func acceptance(of attempt: Attempt) async throws -> PeerIdentity {
    try await withTaskCancellationHandler {
      do {
        let peer = try await attempt.outcome.accepted.get()
        try Task.checkCancellation()
        return peer
      } catch {
        attempt.channel.close(promise: nil)
        try Task.checkCancellation()
        throw error
      }
    } onCancel: {
      attempt.channel.close(promise: nil)
    }
  }

  /// Puts gRPC's handlers above TLS and lets the bytes that waited through.
  /// Runs on the channel's event loop.
  private static func join(
    _ attempt: Attempt, place: String,
    configure: (any Channel) -> EventLoopFuture<
      HTTP2ClientTransport.WrappedChannel.ConfiguredChannel
    >
  ) -> EventLoopFuture<HTTP2ClientTransport.WrappedChannel.ConfiguredChannel> {
    let channel = attempt.channel
    do {
      guard channel.isActive else {
        throw attempt.outcome.failure ?? ConnectionOutcome.closedEarly(place)
      }
      let handler = try channel.pipeline.syncOperations.handler(type: TLSHandler.self)
      let configured = configure(channel)
      handler.releaseInbound()
      return configured
    } catch {
      channel.close(promise: nil)
      return channel.eventLoop.makeFailedFuture(error)
    }
  }

  private static func unreachable(
    _ error: any Error, place: String, timeout: Duration
  ) -> TLSError {
    let found = (error as? NIOConnectionError)?.connectionErrors.first?.error ?? error
    switch found {
    case let system as IOError where system.errnoCode == ECONNREFUSED:
      return TLSError(
        .unreachable, "nobody listens there", place: place,
        remedy: "start the edge, or check the host and port")
    case ChannelError.connectTimeout:
      return TLSError(
        .unreachable, "no answer within \(timeout)", place: place,
        remedy: "check the host, the network and its firewalls")
    default:
      if let connection = error as? NIOConnectionError, connection.connectionErrors.isEmpty {
        return TLSError(
          .address, "the name cannot be resolved (\(error))", place: place,
          remedy: "check its spelling and this machine's resolver")
      }
      return TLSError(
        .unreachable, "cannot be reached (\(found))", place: place,
        remedy: "check the host, the network and its firewalls")
    }
  }

  /// Why the connection failed; nil while it stands, and after an orderly end.
  public var failure: TLSError? { outcome.failure }

  // MARK: ClientTransport

  public var retryThrottle: RetryThrottle? { inner.retryThrottle }

  public func connect() async throws {
    life.withLock { $0.isRunning = true }
    try await inner.connect()
  }

  public func beginGracefulShutdown() {
    if life.withLock({ $0.isRunning && $0.hasStreams }) {
      inner.beginGracefulShutdown()
    } else {
      // No call has begun, so there is none to wait for.
      channel.close(promise: nil)
    }
  }

  public func withStream<Result: Sendable>(
    descriptor: MethodDescriptor, options: CallOptions,
    _ closure: (_ stream: RPCStream<Inbound, Outbound>, _ context: ClientContext) async throws
      -> Result
  ) async throws -> Result {
    try await inner.withStream(descriptor: descriptor, options: options) { stream, context in
      life.withLock { $0.hasStreams = true }
      return try await closure(stream, context)
    }
  }

  public func config(forMethod descriptor: MethodDescriptor) -> MethodConfig? {
    inner.config(forMethod: descriptor)
  }
}
