import NIOCore

/// The lowest handler of a test's pipeline: stands for the socket. Keeps what is
/// written and flushed until the test carries it over, and notes a half-close, which
/// `EmbeddedChannel` itself would take for a whole one.
final class Wire: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// Flushed bytes that the test has not carried over yet.
  private(set) var sent = ByteBuffer()
  private(set) var isOutputClosed = false
  private(set) var reads = 0
  /// More bytes than this, and the channel says that it is not writable.
  var highWaterMark = Int.max
  private(set) var mostBytesHeld = 0
  private var unflushed: [(ByteBuffer, EventLoopPromise<Void>?)] = []
  private var context: ChannelHandlerContext?
  private let setWritable: (Bool) -> Void

  init(setWritable: @escaping (Bool) -> Void) { self.setWritable = setWritable }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    unflushed.append((unwrapOutboundIn(data), promise))
    update()
  }

  func flush(context: ChannelHandlerContext) {
    let writes = unflushed
    unflushed = []
    for (bytes, promise) in writes {
      sent.writeImmutableBuffer(bytes)
      promise?.succeed()
    }
    update()
  }

  func read(context: ChannelHandlerContext) {
    reads += 1
    context.read()
  }

  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    if mode == .output {
      isOutputClosed = true
      promise?.succeed()
    } else {
      isOutputClosed = true
      context.close(mode: mode, promise: promise)
    }
  }

  /// Takes up to `count` bytes off the wire.
  func take(_ count: Int) -> ByteBuffer? {
    guard sent.readableBytes > 0 else { return nil }
    let bytes = sent.readSlice(length: min(count, sent.readableBytes))
    sent.discardReadBytes()
    update()
    return bytes
  }

  private func update() {
    let held = sent.readableBytes + unflushed.reduce(0) { $0 + $1.0.readableBytes }
    mostBytesHeld = max(mostBytesHeld, held)
    let writable = held <= highWaterMark
    guard let context, context.channel.isWritable != writable else { return }
    setWritable(writable)
    context.fireChannelWritabilityChanged()
  }
}
