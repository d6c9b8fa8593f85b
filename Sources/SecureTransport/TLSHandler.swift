import NIOCore
import NIOTLS

/// TLS between a socket and whatever speaks plaintext above it (here HTTP/2).
///
/// Back-pressure: plaintext is encrypted only while the channel is writable, so at
/// most the channel's high-water mark plus one record of ciphertext exists at a time;
/// handlers above see the channel's own writability. What they write regardless is
/// held as plaintext up to a limit and then ends the connection. Inbound, nothing is
/// held but an unfinished record: bytes are decrypted and passed on as they come, and
/// they come only as fast as the channel is read.
///
/// Ends: `close(mode: .output)` sends close_notify, then FIN, and goes on reading (RFC
/// 8446, section 6.1, allows half-close). `close(mode: .all)` sends what is pending and
/// close_notify, and waits a while for the peer's. A stream that ends without
/// close_notify is an error, because somebody may have cut it.
///
/// After a failure the alert is sent and the socket is read empty until the peer
/// closes: closing with unread bytes would reset the connection, and the reset could
/// overtake the alert that names the reason.
final class TLSHandler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private enum Phase {
    /// The channel is not active yet.
    case idle
    case handshaking
    case open
    /// This end wants to close; pending bytes and close_notify go out first.
    case closing
    /// Failed; reading the socket empty.
    case lingering
    case closed
  }

  private struct PendingWrite {
    var bytes: ByteBuffer
    var promise: EventLoopPromise<Void>?
  }

  /// Ciphertext is passed on in pieces of about this size: large enough for few
  /// system calls, small enough to notice in time that the channel is full.
  private static let ciphertextPiece = 1 << 16

  private let tls: TLSContext
  private let serverName: String?
  private var options: TLSHandlerOptions
  private var place: String
  private var phase = Phase.idle
  private var session: TLSSession?

  private var pending = MarkedCircularBuffer<PendingWrite>(initialCapacity: 16)
  private var pendingBytes = 0
  private var isEncrypting = false
  private var receivedCloseNotify = false
  private var sentCloseNotify = false
  private var deliveredSinceReadComplete = false
  private var sawFirstBytes = false
  private var closeOutputRequested = false
  private var closeOutputPromise: EventLoopPromise<Void>?
  private var closePromise: EventLoopPromise<Void>?
  private var timer: Scheduled<Void>?
  /// Plaintext kept back until somebody above can take it.
  private var held: ByteBuffer?
  private var context: ChannelHandlerContext?

  /// - Parameters:
  ///   - serverName: For clients: what the server's certificate must be for.
  ///   - place: What errors call the peer; nil: its address.
  init(
    context: TLSContext, serverName: String? = nil, place: String? = nil,
    options: TLSHandlerOptions = TLSHandlerOptions()
  ) {
    self.tls = context
    self.serverName = serverName
    self.place = place ?? ""
    self.options = options
  }

  // MARK: Start and end of the channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { start(context) }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    end(context, pendingError: ChannelError.ioOnClosedChannel)
  }

  func channelActive(context: ChannelHandlerContext) {
    // First upwards, so that a later channelInactive makes sense to everybody even if
    // the handshake fails at once. What is written in answer waits for the handshake.
    context.fireChannelActive()
    start(context)
  }

  func channelInactive(context: ChannelHandlerContext) {
    switch phase {
    case .handshaking:
      report(context, Self.endedDuringHandshake(place))
    case .open where !receivedCloseNotify:
      report(context, Self.truncated(place))
    default: break
    }
    end(context, pendingError: ChannelError.ioOnClosedChannel)
    context.fireChannelInactive()
  }

  private func start(_ context: ChannelHandlerContext) {
    guard phase == .idle else { return }
    guard options.isAdmitted else {
      closeNow(context)
      return
    }
    if place.isEmpty { place = context.remoteAddress?.description ?? "the peer" }
    phase = .handshaking
    schedule(context, after: options.handshakeTimeout) { handler, context in
      handler.fail(
        context,
        TLSError(
          .handshakeTimeout, "the TLS handshake did not finish in time", place: handler.place,
          remedy: "check that the peer speaks TLS there and is not overloaded"))
    }
    do {
      session = try TLSSession(context: tls, serverName: serverName, place: place)
    } catch let error as TLSError {
      fail(context, error)
      return
    } catch {
      preconditionFailure("TLSSession throws TLSError only: \(error)")
    }
    stepHandshake(context)
    readOn(context)
  }

  /// Everything that must be settled when no more I/O can happen.
  private func end(_ context: ChannelHandlerContext, pendingError: any Error) {
    phase = .closed
    session = nil
    timer?.cancel()
    timer = nil
    failPending(pendingError)
    // The channel is closed, which is what was asked for.
    take(&closeOutputPromise)?.succeed()
    take(&closePromise)?.succeed()
    let onClose = options.onClose
    options.onClose = nil
    options.onHandshake = nil
    options.onFirstBytes = nil
    options.onFailure = nil
    onClose?()
  }

  // MARK: Handshake

  private func stepHandshake(_ context: ChannelHandlerContext) {
    guard phase == .handshaking, let session else { return }
    let result = session.handshake()
    sendOutput(context)
    switch result {
    case .needsBytes: return
    case .failed(let error): fail(context, error)
    case .done:
      guard session.applicationProtocol == "h2" else {
        fail(context, TLSFailureTable.noApplicationProtocol(place: place))
        return
      }
      phase = .open
      if tls.role == .server {
        timer?.cancel()
        timer = nil
      }
      options.onHandshake?(session.peerIdentity)
      options.onHandshake = nil
      context.fireUserInboundEventTriggered(
        TLSUserEvent.handshakeCompleted(negotiatedProtocol: session.applicationProtocol))
      encryptPending(context)
    }
  }

  // MARK: Inbound

  /// For tests of boundedness: ciphertext that waits for the rest of its record.
  var bufferedInputBytes: Int { session?.bufferedInputBytes ?? 0 }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    options.traffic.addReceived(bytes.readableBytes)
    guard let session else { return }
    switch phase {
    case .idle, .lingering, .closed: return
    // Whatever follows close_notify is no part of the stream.
    case .open where receivedCloseNotify, .closing where receivedCloseNotify: return
    case .handshaking, .open, .closing:
      bytes.withUnsafeReadableBytes { session.receive($0) }
      stepHandshake(context)
      decrypt(context)
    }
  }

  /// Passes on all plaintext that has arrived.
  private func decrypt(_ context: ChannelHandlerContext) {
    var buffer = context.channel.allocator.buffer(capacity: TLSSession.recordBytes)
    // Passing bytes up may close or fail the connection: look again every time round.
    while phase == .open || phase == .closing, !receivedCloseNotify, held == nil, let session {
      switch session.read(into: &buffer) {
      case .bytes:
        if buffer.readableBytes + TLSSession.recordBytes > Self.ciphertextPiece {
          deliver(context, &buffer)
        }
      case .needsBytes:
        deliver(context, &buffer)
        // The peer's key update may have queued an answer, or unblocked a write.
        sendOutput(context)
        encryptPending(context)
        return
      case .closed:
        receivedCloseNotify = true
        deliver(context, &buffer)
        peerClosed(context)
        return
      case .failed(let error):
        deliver(context, &buffer)
        fail(context, error)
        return
      }
    }
  }

  private func deliver(_ context: ChannelHandlerContext, _ buffer: inout ByteBuffer) {
    guard buffer.readableBytes > 0 else { return }
    // After close(mode: .all) nobody above wants to hear any more.
    guard phase == .open else {
      buffer.clear()
      return
    }
    let bytes = buffer
    buffer = context.channel.allocator.buffer(capacity: TLSSession.recordBytes)
    if !sawFirstBytes {
      sawFirstBytes = true
      timer?.cancel()
      timer = nil
      options.onFirstBytes?()
      options.onFirstBytes = nil
    }
    if options.holdsInbound {
      held = bytes
      try? context.channel.syncOptions?.setOption(.autoRead, value: false)
      return
    }
    deliveredSinceReadComplete = true
    context.fireChannelRead(wrapInboundOut(bytes))
  }

  /// Handlers above are in place: passes on what was held, and everything from now on.
  /// Must be called on the event loop.
  func releaseInbound() {
    guard options.holdsInbound, let context else { return }
    options.holdsInbound = false
    if let bytes = held {
      held = nil
      context.fireChannelRead(wrapInboundOut(bytes))
      decrypt(context)
      deliveredSinceReadComplete = false
      context.fireChannelReadComplete()
    }
    try? context.channel.syncOptions?.setOption(.autoRead, value: true)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if deliveredSinceReadComplete {
      deliveredSinceReadComplete = false
      context.fireChannelReadComplete()
    } else {
      // Whoever asked for a read got nothing, because only part of a record came or it
      // was for the handshake; nobody above will ask again before something comes.
      readOn(context)
    }
  }

  /// Asks for more on nobody's behalf; on a channel with auto-read this changes nothing.
  private func readOn(_ context: ChannelHandlerContext) {
    if phase != .closed && phase != .idle && held == nil { context.read() }
  }

  /// The peer sent close_notify and everything before it has been passed on.
  private func peerClosed(_ context: ChannelHandlerContext) {
    switch phase {
    case .closing:
      if sentCloseNotify { closeNow(context) } else { finishOutput(context) }
    case .open:
      if allowsHalfClosure(context) {
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        if sentCloseNotify, phase == .open { closeNow(context) }
      } else {
        beginClosing(context)
      }
    case .idle, .handshaking, .lingering, .closed: break
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case ChannelEvent.inputClosed = event else {
      context.fireUserInboundEventTriggered(event)
      return
    }
    // The peer's FIN, on channels that allow half-closure.
    switch phase {
    case .handshaking: fail(context, Self.endedDuringHandshake(place))
    case .open where !receivedCloseNotify: fail(context, Self.truncated(place))
    case .closing, .lingering: closeNow(context)
    // close_notify has already said so.
    case .open, .idle, .closed: break
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // The socket's errors: a reset, mostly.
    if phase == .handshaking || phase == .open, error is IOError {
      fail(
        context,
        TLSError(
          .truncated, "the connection broke (\(error)), so bytes may be missing", place: place,
          remedy: "treat the last message as lost and connect again"))
    } else {
      context.fireErrorCaught(error)
    }
  }

  private func allowsHalfClosure(_ context: ChannelHandlerContext) -> Bool {
    (try? context.channel.syncOptions?.getOption(.allowRemoteHalfClosure)) ?? false
  }

  // MARK: Outbound

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard phase == .idle || phase == .handshaking || phase == .open, !closeOutputRequested else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    let bytes = unwrapOutboundIn(data)
    pendingBytes += bytes.readableBytes
    pending.append(PendingWrite(bytes: bytes, promise: promise))
    guard pendingBytes <= options.maximumPendingBytes else {
      fail(
        context,
        TLSError(
          .bufferFull,
          "more than \(options.maximumPendingBytes) bytes wait for a peer that does not take them",
          place: place, remedy: "stop writing while the channel is not writable"))
      return
    }
  }

  func flush(context: ChannelHandlerContext) {
    pending.mark()
    encryptPending(context)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    // First ours, then theirs: what was held back is older than what they will write.
    encryptPending(context)
    context.fireChannelWritabilityChanged()
  }

  /// Encrypts flushed writes, in order, for as long as the channel takes them.
  private func encryptPending(_ context: ChannelHandlerContext) {
    // Completing a write can write again, from inside; the loop below sees that too.
    guard !isEncrypting, phase == .open || phase == .closing, !sentCloseNotify else { return }
    isEncrypting = true
    var wrote = false
    var failure: TLSError?
    encrypting: while pending.hasMark, context.channel.isWritable, let session {
      var ciphertext = context.channel.allocator.buffer(capacity: 2 * TLSSession.recordBytes)
      var completed: EventLoopPromise<Void>?
      var blocked = false
      // Until one piece is full or a write with a promise is done.
      while pending.hasMark, completed == nil, ciphertext.readableBytes < Self.ciphertextPiece {
        let index = pending.startIndex
        let count = min(pending[index].bytes.readableBytes, TLSSession.recordBytes)
        if count > 0 {
          let result = pending[index].bytes.withUnsafeReadableBytes {
            session.write(UnsafeRawBufferPointer(rebasing: $0[..<count]))
          }
          switch result {
          case .written: break
          case .needsBytes: blocked = true
          case .failed(let error): failure = error
          }
          if blocked || failure != nil { break }
          pending[index].bytes.moveReaderIndex(forwardBy: count)
          pendingBytes -= count
          session.takeOutput(into: &ciphertext)
        }
        if pending[index].bytes.readableBytes == 0 {
          completed = pending.removeFirst().promise
        }
      }
      if ciphertext.readableBytes > 0 || completed != nil {
        options.traffic.addSent(ciphertext.readableBytes)
        wrote = true
        context.write(wrapOutboundOut(ciphertext), promise: completed)
      }
      if blocked || failure != nil { break encrypting }
    }
    isEncrypting = false
    if wrote { context.flush() }
    if let failure {
      fail(context, failure)
    } else if !pending.hasMark {
      finishOutput(context)
    }
  }

  /// Sends what OpenSSL has queued by itself: handshake messages, alerts, close_notify.
  private func sendOutput(_ context: ChannelHandlerContext) {
    guard let session else { return }
    var ciphertext = context.channel.allocator.buffer(capacity: 0)
    session.takeOutput(into: &ciphertext)
    guard ciphertext.readableBytes > 0 else { return }
    options.traffic.addSent(ciphertext.readableBytes)
    context.writeAndFlush(wrapOutboundOut(ciphertext), promise: nil)
  }

  // MARK: Closing

  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    switch mode {
    case .input:
      // TLS has no way to tell the peer that its bytes are not wanted.
      promise?.fail(ChannelError.operationUnsupported)
    case .output: closeOutput(context, promise)
    case .all: closeAll(context, promise)
    }
  }

  private func closeOutput(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
    switch phase {
    case .idle, .lingering, .closed:
      context.close(mode: .output, promise: promise)
    case .closing:
      join(&closePromise, promise)
    case .handshaking, .open:
      join(&closeOutputPromise, promise)
      closeOutputRequested = true
      pending.mark()
      encryptPending(context)
    }
  }

  private func closeAll(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
    switch phase {
    case .idle, .closed:
      context.close(mode: .all, promise: promise)
    case .handshaking:
      // There is no secure channel to close in an orderly way.
      join(&closePromise, promise)
      report(
        context,
        TLSError(
          .closed, "this end closed the connection during the handshake", place: place,
          remedy: "wait for the handshake before closing"),
        fire: false)
      closeNow(context)
    case .closing, .lingering:
      join(&closePromise, promise)
    case .open:
      join(&closePromise, promise)
      beginClosing(context)
    }
  }

  private func beginClosing(_ context: ChannelHandlerContext) {
    phase = .closing
    pending.mark()
    schedule(context, after: options.shutdownTimeout) { handler, context in
      // The peer is slow or gone; what it has not taken by now is lost.
      handler.closeNow(context)
    }
    encryptPending(context)
    // The peer's close_notify will not be read by anybody else any more.
    readOn(context)
  }

  /// Sends close_notify once nothing is pending, where one was asked for.
  private func finishOutput(_ context: ChannelHandlerContext) {
    guard !pending.hasMark, phase == .closing || (phase == .open && closeOutputRequested)
    else { return }
    if !sentCloseNotify {
      sentCloseNotify = true
      session?.sendCloseNotify()
      sendOutput(context)
    }
    switch phase {
    case .closing:
      if receivedCloseNotify { closeNow(context) }
    case .open:
      context.close(mode: .output, promise: take(&closeOutputPromise))
      if receivedCloseNotify { closeNow(context) }
    case .idle, .handshaking, .lingering, .closed: break
    }
  }

  private func closeNow(_ context: ChannelHandlerContext) {
    guard phase != .closed else { return }
    phase = .closed
    timer?.cancel()
    timer = nil
    failPending(ChannelError.ioOnClosedChannel)
    take(&closeOutputPromise)?.succeed()
    context.close(mode: .all, promise: take(&closePromise))
  }

  // MARK: Failures

  /// Ends the connection with an error: tells those above, sends the alert, and reads
  /// the socket empty until the peer has closed.
  private func fail(_ context: ChannelHandlerContext, _ error: TLSError) {
    guard phase != .closed, phase != .lingering else { return }
    phase = .lingering
    failPending(error)
    take(&closeOutputPromise)?.fail(error)
    // The alert, if OpenSSL queued one.
    sendOutput(context)
    schedule(context, after: options.shutdownTimeout) { handler, context in
      handler.closeNow(context)
    }
    report(context, error)
    guard phase == .lingering else { return }
    switch error.kind {
    case .handshakeTimeout, .bufferFull, .truncated, .library:
      // Nobody there reads, or the stream is already over.
      closeNow(context)
    default:
      context.close(mode: .output, promise: nil)
      readOn(context)
    }
  }

  private func report(_ context: ChannelHandlerContext, _ error: TLSError, fire: Bool = true) {
    let onFailure = options.onFailure
    options.onFailure = nil
    onFailure?(error)
    if fire { context.fireErrorCaught(error) }
  }

  private func failPending(_ error: any Error) {
    pendingBytes = 0
    while let write = pending.popFirst() { write.promise?.fail(error) }
  }

  private static func truncated(_ place: String) -> TLSError {
    TLSError(
      .truncated, "the connection ended without close_notify, so bytes may be missing",
      place: place, remedy: "treat the last message as lost and connect again")
  }

  private static func endedDuringHandshake(_ place: String) -> TLSError {
    TLSError(
      .truncated, "the peer ended the connection during the TLS handshake", place: place,
      remedy: "look into the peer's log for its reason, and check the port")
  }

  // MARK: Helpers

  /// One timer at a time: a later one replaces it.
  private func schedule(
    _ context: ChannelHandlerContext, after delay: TimeAmount,
    _ action: @escaping (TLSHandler, ChannelHandlerContext) -> Void
  ) {
    timer?.cancel()
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: delay) { [weak self] in
      guard let self, self.phase != .closed else { return }
      action(self, context)
    }
  }

  private func take(_ promise: inout EventLoopPromise<Void>?) -> EventLoopPromise<Void>? {
    defer { promise = nil }
    return promise
  }

  /// Makes `promise` share the fate of the one already waiting.
  private func join(_ waiting: inout EventLoopPromise<Void>?, _ promise: EventLoopPromise<Void>?) {
    guard let promise else { return }
    if let waiting {
      waiting.futureResult.cascade(to: promise)
    } else {
      waiting = promise
    }
  }
}
