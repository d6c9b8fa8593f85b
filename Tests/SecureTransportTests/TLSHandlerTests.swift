import Foundation
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import SecureTransport

/// The handler against itself over memory: no sockets, no clock but the embedded one.
@Suite("TLS handler")
struct TLSHandlerTests {
  private func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 56)
    }
  }

  @Test("a handshake tells both ends about h2 and each other, and bytes pass both ways")
  func handshake() throws {
    let seen = Mutex<[PeerIdentity?]>([])
    var options = TLSHandlerOptions()
    options.onHandshake = { identity in seen.withLock { $0.append(identity) } }
    let link = try Link(handler: options)
    try link.connect()
    #expect(link.client.recorder.protocols == ["h2"])
    #expect(link.server.recorder.protocols == ["h2"])
    let names = Set(seen.withLock { $0 }.map { $0?.commonName })
    #expect(names == ["edge", "device 1"])
    let server = seen.withLock { $0 }.compactMap { $0 }.first { $0.commonName == "edge" }
    #expect(server?.dnsNames == ["localhost", "edge.test"])
    #expect(server?.addresses == ["127.0.0.1", "::1"])
    #expect(server?.fingerprint == TestCertificates.shared.server.identity.fingerprint)

    let up = link.client.send(Array("up".utf8))
    let down = link.server.send(Array("down".utf8))
    link.pump()
    #expect(link.server.recorder.received == Array("up".utf8))
    #expect(link.client.recorder.received == Array("down".utf8))
    try up.wait()
    try down.wait()
    #expect(link.client.recorder.errors.isEmpty && link.server.recorder.errors.isEmpty)
  }

  @Test("bytes written before the handshake wait for it, in order")
  func earlyWrites() throws {
    let link = try Link()
    try link.server.connect()
    try link.client.connect()
    link.client.send(Array("first ".utf8))
    link.client.send([])
    link.client.send(Array("second".utf8))
    #expect(link.server.recorder.received.isEmpty)
    link.pump()
    #expect(String(decoding: link.server.recorder.received, as: UTF8.self) == "first second")
  }

  @Test(
    "any cut of the stream gives the same bytes", arguments: [1, 2, 5, 100, 1000, 20_000])
  func pieces(piece: Int) throws {
    let link = try Link()
    try link.connect(piece: piece)
    let message = bytes(40_000)
    link.client.send(message)
    link.server.send(message.reversed())
    link.pump(piece: piece)
    #expect(link.server.recorder.received == message)
    #expect(link.client.recorder.received == message.reversed())
  }

  @Test(
    "a read that brings only part of a record is asked for again, for channels without auto-read")
  func manualRead() throws {
    let link = try Link()
    try link.connect()
    #expect(link.client.recorder.protocols == ["h2"])
    let before = link.server.wire.reads
    link.client.send(bytes(100))
    link.pump(piece: 10)
    #expect(link.server.recorder.received.count == 100)
    // 100 bytes and the record's frame arrived in pieces of ten: every one but the
    // last brought nothing, and asked again; the last did not.
    #expect(link.server.wire.reads - before == (100 + 22 + 9) / 10 - 1)
    #expect(link.server.recorder.readCompletes == 1)
  }

  @Test("64 MiB pass a slow wire with ciphertext and plaintext bounded")
  func backPressure() throws {
    let link = try Link()
    try link.connect()
    link.server.recorder.keepsBytes = false
    link.client.wire.highWaterMark = 64 << 10
    let piece = bytes(1 << 16)
    let total = 64 << 20
    var written = 0
    var mostUnwritable = 0
    var mostBuffered = 0
    // A writer that honours writability, as HTTP/2 does.
    while written < total {
      while link.client.channel.isWritable && written < total {
        link.client.send(piece)
        written += piece.count
      }
      mostUnwritable = max(mostUnwritable, link.client.wire.mostBytesHeld)
      if let bytes = link.client.wire.take(10_000) { link.server.receive(bytes) }
      mostBuffered = max(mostBuffered, link.server.tls.bufferedInputBytes)
    }
    link.pump()
    #expect(link.server.recorder.receivedCount == total)
    // Inbound: no more than one record and its frame.
    #expect(mostBuffered <= (16 << 10) + 22)
    // Outbound: the high-water mark, and one piece of ciphertext that crossed it.
    #expect(mostUnwritable <= (64 << 10) + (64 << 10) + (20 << 10))
  }

  @Test("one write larger than the wire's mark is encrypted only as the wire empties")
  func largeWrite() throws {
    let link = try Link()
    try link.connect()
    link.client.wire.highWaterMark = 32 << 10
    let message = bytes(4 << 20)
    let done = link.client.send(message)
    #expect(link.client.wire.mostBytesHeld < 128 << 10)
    link.pump(piece: 7000)
    #expect(link.server.recorder.received == message)
    #expect(link.client.wire.mostBytesHeld < 128 << 10)
    try done.wait()
  }

  @Test("a writer that ignores writability is stopped, and told why")
  func bufferFull() throws {
    var options = TLSHandlerOptions()
    options.maximumPendingBytes = 100_000
    let link = try Link(handler: options)
    try link.connect()
    link.client.wire.highWaterMark = 1000
    let first = link.client.send(bytes(90_000))
    let second = link.client.send(bytes(90_000))
    #expect(link.client.error?.kind == .bufferFull)
    #expect(throws: (any Error).self) { try first.wait() }
    #expect(throws: (any Error).self) { try second.wait() }
    #expect(link.client.recorder.isInactive)
  }

  @Test("half-close: the closed half ends cleanly, the other goes on")
  func halfClose() throws {
    let link = try Link(halfClosure: true)
    try link.connect()
    link.client.send(Array("question".utf8))
    let closed = link.client.close(.output)
    link.pump()
    try closed.wait()
    #expect(link.server.recorder.isInputClosed)
    #expect(link.server.recorder.received == Array("question".utf8))
    #expect(link.client.channel.isActive && link.server.channel.isActive)
    #expect(throws: (any Error).self) { try link.client.send([1]).wait() }

    link.server.send(Array("answer".utf8))
    link.server.close(.output)
    link.pump()
    #expect(link.client.recorder.received == Array("answer".utf8))
    #expect(link.client.recorder.isInputClosed)
    #expect(link.client.recorder.errors.isEmpty && link.server.recorder.errors.isEmpty)
    #expect(!link.client.channel.isActive && !link.server.channel.isActive)
  }

  @Test("half-close waits for what a slow wire has not taken yet")
  func halfCloseUnderBackPressure() throws {
    let link = try Link(halfClosure: true)
    try link.connect()
    link.client.wire.highWaterMark = 1000
    let message = bytes(300_000)
    link.client.send(message)
    link.client.close(.output)
    #expect(!link.client.wire.isOutputClosed)
    link.pump(piece: 3000)
    #expect(link.server.recorder.received == message)
    #expect(link.server.recorder.isInputClosed)
  }

  @Test("close sends what is pending, and close_notify passes both ways")
  func cleanClose() throws {
    let link = try Link()
    try link.connect()
    link.client.channel.write(ByteBuffer(string: "last words"), promise: nil)
    let closed = link.client.close()
    #expect(link.client.channel.isActive, "must wait for the server's close_notify")
    link.pump()
    try closed.wait()
    #expect(link.server.recorder.received == Array("last words".utf8))
    #expect(link.server.recorder.isInactive && link.client.recorder.isInactive)
    #expect(link.client.recorder.errors.isEmpty && link.server.recorder.errors.isEmpty)
  }

  @Test("close gives up on a peer that does not answer")
  func closeTimeout() throws {
    let link = try Link()
    try link.connect()
    link.client.close()
    link.client.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1900))
    #expect(link.client.channel.isActive)
    link.client.channel.embeddedEventLoop.advanceTime(by: .milliseconds(200))
    #expect(link.client.recorder.isInactive)
    #expect(link.client.recorder.errors.isEmpty)
  }

  @Test("a stream cut without close_notify is an error", arguments: [true, false])
  func truncated(halfClosure: Bool) throws {
    let link = try Link(halfClosure: halfClosure)
    try link.connect()
    link.client.send(Array("half a mess".utf8))
    link.pump()
    link.server.receiveEnd()
    link.server.channel.embeddedEventLoop.run()
    #expect(link.server.error?.kind == .truncated)
    #expect(link.server.error?.description.contains("close_notify") == true)
    #expect(link.server.recorder.isInactive)
  }

  @Test("bytes after close_notify are dropped")
  func bytesAfterClose() throws {
    let link = try Link(halfClosure: true)
    try link.connect()
    link.client.close(.output)
    link.pump()
    #expect(link.server.recorder.isInputClosed)
    link.server.receive(ByteBuffer(bytes: bytes(100_000)))
    #expect(link.server.recorder.received.isEmpty)
    #expect(link.server.recorder.errors.isEmpty)
    #expect(link.server.tls.bufferedInputBytes == 0, "and not kept either")
  }

  @Test("garbage instead of a handshake is named, at both ends")
  func garbage() throws {
    let server = try EndPoint(TLSContext(.server, TestCertificates.shared.serverOptions()))
    try server.connect()
    server.receive(ByteBuffer(string: "GET / HTTP/1.1\r\nHost: edge\r\n\r\n"))
    #expect(server.error?.kind == .notTLS)

    let client = try EndPoint(
      TLSContext(.client, TestCertificates.shared.clientOptions()), serverName: "edge.test")
    try client.connect()
    client.receive(ByteBuffer(string: "SSH-2.0-OpenSSH_9.2\r\n"))
    #expect(client.error?.kind == .notTLS)
  }

  @Test("random bytes never crash either end, before or after the handshake")
  func randomBytes() throws {
    for seed in 0..<60 as Range<UInt64> {
      let server = try EndPoint(TLSContext(.server, TestCertificates.shared.serverOptions()))
      try server.connect()
      server.receive(ByteBuffer(bytes: bytes(Int(seed * 97 % 3000) + 6, seed: seed)))
      server.channel.embeddedEventLoop.advanceTime(by: .seconds(20))
      #expect(server.error != nil && server.recorder.isInactive)

      let link = try Link()
      try link.connect()
      link.server.receive(ByteBuffer(bytes: bytes(Int(seed * 31 % 500) + 30, seed: seed)))
      link.server.channel.embeddedEventLoop.advanceTime(by: .seconds(20))
      link.server.receiveEnd()
      #expect(link.server.error != nil && link.server.recorder.isInactive)
    }
  }

  @Test("a record changed on the way is refused, and the sender hears of it")
  func tampered() throws {
    let link = try Link()
    try link.connect()
    link.client.send(bytes(1000))
    var record = try #require(link.client.wire.take(.max))
    record.setInteger(record.getInteger(at: 500, as: UInt8.self)! ^ 1, at: 500)
    link.server.receive(record)
    link.pump()
    #expect(link.server.error?.kind == .protocolViolation)
    #expect(link.server.recorder.received.isEmpty)
    #expect(link.client.error?.kind == .protocolViolation, "the alert bad_record_mac")
  }

  @Test("a silent peer ends the handshake in time", arguments: [TLSContext.Role.server, .client])
  func handshakeTimeout(role: TLSContext.Role) throws {
    let certificates = TestCertificates.shared
    let end = try EndPoint(
      TLSContext(
        role, role == .server ? certificates.serverOptions() : certificates.clientOptions()),
      serverName: role == .client ? "edge.test" : nil)
    try end.connect()
    end.channel.embeddedEventLoop.advanceTime(by: .milliseconds(9900))
    #expect(end.error == nil)
    end.channel.embeddedEventLoop.advanceTime(by: .milliseconds(200))
    #expect(end.error?.kind == .handshakeTimeout)
    #expect(end.recorder.isInactive)
  }

  @Test("a client times out on a server that never speaks after the handshake")
  func silentServer() throws {
    let link = try Link()
    try link.connect()
    #expect(link.client.recorder.protocols == ["h2"])
    link.client.channel.embeddedEventLoop.advanceTime(by: .seconds(11))
    #expect(link.client.error?.kind == .handshakeTimeout)
    // The server's part was over with the handshake.
    link.server.channel.embeddedEventLoop.advanceTime(by: .seconds(11))
    #expect(link.server.error == nil)
  }

  @Test("a peer that goes away during the handshake is named")
  func endDuringHandshake() throws {
    let server = try EndPoint(TLSContext(.server, TestCertificates.shared.serverOptions()))
    try server.connect()
    server.receiveEnd()
    #expect(server.error?.kind == .truncated)
    #expect(server.error?.problem.contains("handshake") == true)
  }

  @Test("a connection over the limit is closed unheard")
  func notAdmitted() throws {
    let closed = Mutex(0)
    var options = TLSHandlerOptions()
    options.isAdmitted = false
    options.onClose = { closed.withLock { $0 += 1 } }
    let server = try EndPoint(
      TLSContext(.server, TestCertificates.shared.serverOptions()), options: options)
    try server.connect()
    #expect(server.recorder.isInactive)
    #expect(closed.withLock { $0 } == 1)
  }

  @Test("held bytes wait for the handler above, stop the reading, and then pass in order")
  func holding() throws {
    let accepted = Mutex(0)
    var options = TLSHandlerOptions()
    options.holdsInbound = true
    options.onFirstBytes = { accepted.withLock { $0 += 1 } }
    let certificates = TestCertificates.shared
    let client = try EndPoint(
      TLSContext(.client, certificates.clientOptions()), serverName: "edge.test",
      options: options)
    let link = Link(
      client: client, server: try EndPoint(TLSContext(.server, certificates.serverOptions())))
    try link.connect()
    #expect(accepted.withLock { $0 } == 0)
    link.server.send(Array("first ".utf8))
    link.pump()
    #expect(accepted.withLock { $0 } == 1)
    let reads = client.wire.reads
    link.server.send(Array("second ".utf8))
    link.pump()
    #expect(client.recorder.received.isEmpty && client.recorder.readCompletes == 0)
    #expect(client.wire.reads == reads, "nothing may ask for more")
    client.tls.releaseInbound()
    #expect(String(decoding: client.recorder.received, as: UTF8.self) == "first second ")
    link.server.send(Array("third".utf8))
    link.pump()
    #expect(String(decoding: client.recorder.received, as: UTF8.self) == "first second third")
  }

  @Test("the wire's bytes are counted")
  func traffic() throws {
    let clientOptions = TLSHandlerOptions()
    let certificates = TestCertificates.shared
    let server = try EndPoint(TLSContext(.server, certificates.serverOptions()))
    let client = try EndPoint(
      TLSContext(.client, certificates.clientOptions()), serverName: "edge.test",
      options: clientOptions)
    let link = Link(client: client, server: server)
    try link.connect()
    let before = clientOptions.traffic.bytesSent
    client.send(bytes(1000))
    link.pump()
    // One record: 5 bytes of header, 1 of content type, 16 of tag (RFC 8446, section 5.2).
    #expect(clientOptions.traffic.bytesSent - before == 1022)
    #expect(before > 700, "the client's certificate went over too")
    #expect(clientOptions.traffic.bytesReceived > 700)
  }
}
