import Foundation
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import SecureTransport

/// Our TLS against OpenSSL's own client and server, which share the library but not a
/// line of the handling of bytes, sockets and ends.
@Suite(
  "OpenSSL's own tools", .serialized, .timeLimit(.minutes(2)),
  .enabled(if: CommandLineTool() != nil, "the openssl command is not installed"))
struct OpenSSLPeerTests {
  private let certificates = TestCertificates.shared

  private func clientArguments(_ port: Int, _ more: [String]) -> [String] {
    [
      "s_client", "-connect", "127.0.0.1:\(port)", "-CAfile",
      certificates.authority.certificatePath, "-verify_return_error", "-alpn", "h2",
    ] + more
  }

  private var deviceFiles: [String] {
    [
      "-cert", certificates.device.certificatePath, "-key", certificates.device.privateKeyPath,
    ]
  }

  @Test("s_client with a device's certificate gets TLS 1.3, h2 and HTTP/2")
  func client() async throws {
    let tool = try #require(CommandLineTool())
    try await EchoServer.run { server, _ in
      let client = try RunningTool(
        tool, clientArguments(server.port, deviceFiles + ["-servername", "localhost"]))
      let verified = try await client.hasSaid("Verify return code: 0 (ok)")
      #expect(verified, "\(client.output)")
      #expect(client.output.contains("ALPN protocol: h2"))
      #expect(client.output.contains("TLSv1.3"))
      #expect(!client.output.contains("CN = Tandem authority\n   i:"), "the root is not sent")
      try await waitFor { server.peers.count == 1 }
      // Q at a line's start: close_notify, and good-bye.
      client.type("Q\n")
      try await waitFor { server.connectionCount == 0 }
      #expect(server.peers.count == 0)
    }
  }

  @Test("s_client without a certificate is told that one is required")
  func clientWithoutCertificate() async throws {
    let tool = try #require(CommandLineTool())
    try await EchoServer.run { server, _ in
      let client = try RunningTool(tool, clientArguments(server.port, ["-ign_eof"]))
      let told = try await client.hasSaid("alert certificate required")
      #expect(told, "\(client.output)")
      #expect(server.peers.count == 0)
    }
  }

  @Test("s_client with TLS 1.2 is told about the version")
  func oldVersion() async throws {
    let tool = try #require(CommandLineTool())
    try await EchoServer.run { server, _ in
      let client = try RunningTool(
        tool, clientArguments(server.port, deviceFiles + ["-tls1_2"]))
      let told = try await client.hasSaid("alert protocol version")
      #expect(told, "\(client.output)")
    }
  }

  @Test("s_server and our handler talk, change keys, and close in order")
  func server() async throws {
    let tool = try #require(CommandLineTool())
    let port = try ListeningSocket(host: "127.0.0.1", port: 0).port
    let server = try RunningTool(
      tool,
      [
        "s_server", "-accept", "127.0.0.1:\(port)", "-cert", certificates.server.certificatePath,
        "-key", certificates.server.privateKeyPath, "-CAfile",
        certificates.authority.certificatePath, "-Verify", "4", "-verify_return_error", "-alpn",
        "h2", "-tls1_3",
      ])
    let listening = try await server.hasSaid("ACCEPT")
    try #require(listening, "\(server.output)")

    let recorder = TextRecorder()
    let context = try TLSContext(.client, certificates.clientOptions())
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers([
            TLSHandler(context: context, serverName: "localhost"), TextHandler(recorder),
          ])
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
    try await channel.writeAndFlush(ByteBuffer(string: "words from Tandem\n")).get()
    let heard = try await server.hasSaid("words from Tandem")
    #expect(heard, "\(server.output)")

    server.type("words from OpenSSL\n")
    try await waitFor { recorder.text.contains("words from OpenSSL") }
    // K at a line's start: new keys for both directions (RFC 8446, section 4.6.3).
    server.type("K\n")
    // What stands behind K in the same gulp of its standard input is dropped: type on.
    for _ in 0..<50 where !recorder.text.contains("words under new keys") {
      try await Task.sleep(for: .milliseconds(100))
      server.type("words under new keys\n")
    }
    #expect(recorder.text.contains("words under new keys"))
    try await channel.writeAndFlush(ByteBuffer(string: "new keys here too\n")).get()
    let heardAgain = try await server.hasSaid("new keys here too")
    #expect(heardAgain, "\(server.output)")
    #expect(server.output.contains("SSL_do_handshake -> 1"), "the keys were changed")

    let start = ContinuousClock.now
    try await channel.close().get()
    #expect(ContinuousClock.now - start < .seconds(1.5), "its close_notify came in time")
    let ended = try await server.hasSaid("DONE")
    #expect(ended, "\(server.output)")
    #expect(recorder.errors.isEmpty)
    #expect(!server.output.contains("unexpected eof"))
  }

  private func waitFor(_ condition: @Sendable () -> Bool) async throws {
    for _ in 0..<1000 {
      if condition() { return }
      try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("never happened")
  }

  /// What came, readable while it still comes.
  private final class TextRecorder: Sendable {
    private let state = Mutex((text: "", errors: [String]()))
    var text: String { state.withLock { $0.text } }
    var errors: [String] { state.withLock { $0.errors } }
    func add(text: String) { state.withLock { $0.text += text } }
    func add(error: any Error) { state.withLock { $0.errors.append("\(error)") } }
  }

  private final class TextHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let recorder: TextRecorder

    init(_ recorder: TextRecorder) { self.recorder = recorder }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      recorder.add(text: String(buffer: unwrapInboundIn(data)))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      recorder.add(error: error)
    }
  }
}
