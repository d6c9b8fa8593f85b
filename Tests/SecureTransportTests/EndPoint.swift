import NIOCore
import NIOEmbedded
import NIOTLS

@testable import SecureTransport

/// One end of an in-memory connection: a TLS handler between a ``Wire`` and a recorder.
final class EndPoint {
  /// What the handler above TLS sees.
  final class Recorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    var received: [UInt8] = []
    var errors: [any Error] = []
    var protocols: [String?] = []
    var isInputClosed = false
    var isInactive = false
    var readCompletes = 0
    var keepsBytes = true
    var receivedCount = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let bytes = unwrapInboundIn(data)
      receivedCount += bytes.readableBytes
      if keepsBytes { received.append(contentsOf: bytes.readableBytesView) }
    }

    func channelReadComplete(context: ChannelHandlerContext) { readCompletes += 1 }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      switch event {
      case TLSUserEvent.handshakeCompleted(let name): protocols.append(name)
      case ChannelEvent.inputClosed: isInputClosed = true
      default: break
      }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { errors.append(error) }

    func channelInactive(context: ChannelHandlerContext) { isInactive = true }
  }

  let channel: EmbeddedChannel
  let wire: Wire
  let recorder = Recorder()
  let tls: TLSHandler

  /// - Parameter halfClosure: Whether the channel allows the peer to close its half alone.
  init(
    _ context: TLSContext, serverName: String? = nil,
    options: TLSHandlerOptions = TLSHandlerOptions(), halfClosure: Bool = false
  ) throws {
    let channel = EmbeddedChannel()
    self.channel = channel
    wire = Wire { channel.isWritable = $0 }
    tls = TLSHandler(
      context: context, serverName: serverName, place: "the \(context.role)'s peer",
      options: options)
    channel.allowRemoteHalfClosure = halfClosure
    try channel.pipeline.syncOperations.addHandlers([wire, tls, recorder])
  }

  func connect() throws {
    try channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 5000)).wait()
  }

  var error: TLSError? { recorder.errors.lazy.compactMap { $0 as? TLSError }.first }

  @discardableResult
  func send(_ bytes: [UInt8]) -> EventLoopFuture<Void> {
    let promise = channel.eventLoop.makePromise(of: Void.self)
    channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: promise)
    return promise.futureResult
  }

  @discardableResult
  func close(_ mode: CloseMode = .all) -> EventLoopFuture<Void> {
    let promise = channel.eventLoop.makePromise(of: Void.self)
    channel.close(mode: mode, promise: promise)
    return promise.futureResult
  }

  /// Bytes from the network.
  func receive(_ bytes: ByteBuffer) {
    guard channel.isActive else { return }
    channel.pipeline.fireChannelRead(bytes)
    channel.pipeline.fireChannelReadComplete()
  }

  /// FIN from the network.
  func receiveEnd() {
    guard channel.isActive else { return }
    if channel.allowRemoteHalfClosure {
      channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    } else {
      // What a socket channel does at EOF: it closes itself, below TLS.
      channel.pipeline.syncOperations.close(from: wire)
    }
  }
}

extension ChannelPipeline.SynchronousOperations {
  /// Closes the channel from below a handler, as the socket would.
  fileprivate func close(from handler: any ChannelHandler) {
    if let context = try? context(handler: handler) { context.close(mode: .all, promise: nil) }
  }
}
