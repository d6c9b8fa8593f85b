import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// A stretch of network that a test can cut: passes one connection's bytes on to a
/// port, from a source port of choice, and ends both sides with a reset.
final class Relay: Sendable {
  private struct State {
    var channels: [any Channel] = []
    var sourcePort: Int?
  }

  let port: Int
  private let state: Mutex<State>
  private let listener: any Channel

  /// The port that the relay called from, once somebody has connected.
  var sourcePort: Int? { state.withLock { $0.sourcePort } }

  private init(port: Int, state: consuming Mutex<State>, listener: any Channel) {
    self.port = port
    self.state = state
    self.listener = listener
  }

  /// - Parameter from: The source port; 0: any.
  static func start(to target: Int, from source: Int = 0) async throws -> Relay {
    let group = MultiThreadedEventLoopGroup.singleton
    let box = Box()
    let listener = try await ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 4)
      .childChannelOption(.autoRead, value: false)
      .childChannelInitializer { inner in
        let local = try? SocketAddress(ipAddress: "127.0.0.1", port: source)
        var bootstrap = ClientBootstrap(group: inner.eventLoop)
          .channelOption(.socketOption(.so_reuseaddr), value: 1)
          .channelInitializer { outer in
            outer.eventLoop.makeCompletedFuture {
              try outer.pipeline.syncOperations.addHandler(Forward(to: inner))
            }.flatMap { resetOnClose(outer) }
          }
        if source != 0, let local { bootstrap = bootstrap.bind(to: local) }
        return bootstrap.connect(host: "127.0.0.1", port: target).flatMap { outer in
          box.relay.withLock { relay in
            relay?.state.withLock {
              $0.channels += [inner, outer]
              $0.sourcePort = outer.localAddress?.port
            }
          }
          return inner.eventLoop.makeCompletedFuture {
            try inner.pipeline.syncOperations.addHandler(Forward(to: outer))
          }.flatMap { inner.setOption(.autoRead, value: true) }
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let relay = Relay(
      port: listener.localAddress?.port ?? 0, state: Mutex(State()), listener: listener)
    box.relay.withLock { $0 = relay }
    return relay
  }

  /// Ends both connections with a reset, and the relay.
  func cut() {
    listener.close(promise: nil)
    for channel in state.withLock({ $0.channels }) {
      Self.resetOnClose(channel).whenComplete { _ in channel.close(promise: nil) }
    }
  }

  /// No waiting state is left behind, and the source port is free at once.
  private static func resetOnClose(_ channel: any Channel) -> EventLoopFuture<Void> {
    guard let options = channel as? any SocketOptionProvider else {
      return channel.eventLoop.makeSucceededVoidFuture()
    }
    return options.setSoLinger(linger(l_onoff: 1, l_linger: 0))
  }

  private final class Box: Sendable { let relay = Mutex<Relay?>(nil) }

  /// Passes bytes, and the end of them, on to the other side.
  private final class Forward: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let target: any Channel

    init(to target: any Channel) { self.target = target }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      target.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
      target.close(promise: nil)
      context.fireChannelInactive()
    }
  }
}
