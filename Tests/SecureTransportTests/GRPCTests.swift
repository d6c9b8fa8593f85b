import Foundation
import GRPCCore
import NIOCore
import NIOPosix
import Synchronization
import TandemProtocol
import Testing

@testable import SecureTransport

/// gRPC over our TLS over real sockets, both ends.
@Suite("gRPC over TLS", .serialized, .timeLimit(.minutes(2)))
struct GRPCTests {
  private let certificates = TestCertificates.shared

  private func packets(_ count: Int, bytes: Int) -> [Tandem_V1_Packet] {
    var packets = [Tandem_V1_Packet.with { $0.start.protocolVersion = 1 }]
    for index in 0..<count {
      packets.append(
        .with {
          $0.features.firstFrame = UInt32(index)
          $0.features.frameCount = 1
          $0.features.payload = Data(repeating: UInt8(truncatingIfNeeded: index), count: bytes)
        })
    }
    packets.append(.with { $0.end.totalFrames = UInt32(count) })
    return packets
  }

  /// Streams packets up and gives back all answers.
  private func recognize(
    _ tandem: Tandem_V1_Tandem.Client<SecureClientTransport>, _ packets: [Tandem_V1_Packet]
  ) async throws -> [Tandem_V1_Answer] {
    try await tandem.recognize { writer in
      for packet in packets { try await writer.write(packet) }
    } onResponse: { response in
      var answers: [Tandem_V1_Answer] = []
      for try await answer in response.messages { answers.append(answer) }
      return answers
    }
  }

  private func eventually(_ what: String, _ condition: @Sendable () -> Bool) async throws {
    for _ in 0..<1000 {
      if condition() { return }
      try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("never happened: \(what)")
  }

  @Test("an utterance goes up and answers come down, and the edge knows who sent it")
  func utterance() async throws {
    try await EchoServer.run { server, _ in
      try await EchoServer.withClient(port: server.port) { tandem, transport in
        let answers = try await recognize(tandem, packets(40, bytes: 1000))
        #expect(answers.count == 42)
        #expect(answers.first?.accepted.serverVersion == "echo")
        #expect(answers.last?.final.text == "device 1 sent 40000 bytes")
        #expect(transport.peer.commonName == "edge")
        #expect(transport.connectDuration < .seconds(5))
        #expect(transport.traffic.bytesSent > 40_000)
        #expect(transport.failure == nil)
        #expect(server.peers.count == 1)
      }
      try await eventually("the table empties") { server.peers.count == 0 }
      try await eventually("the connection is let go") { server.connectionCount == 0 }
    }
  }

  @Test("large messages both ways and many calls at once, on one connection")
  func manyCalls() async throws {
    try await EchoServer.run { server, _ in
      try await EchoServer.withClient(port: server.port) { tandem, _ in
        try await withThrowingTaskGroup(of: String.self) { group in
          for index in 1...20 {
            group.addTask {
              try await recognize(tandem, packets(4, bytes: index * 10_000)).last?.final.text ?? ""
            }
          }
          var texts: Set<String> = []
          for try await text in group { texts.insert(text) }
          #expect(texts == Set((1...20).map { "device 1 sent \($0 * 40_000) bytes" }))
        }
      }
    }
  }

  @Test("a message above the limit is refused, and the connection lives on")
  func tooLarge() async throws {
    try await EchoServer.run { server, _ in
      try await EchoServer.withClient(port: server.port) { tandem, _ in
        await #expect {
          try await recognize(tandem, packets(1, bytes: 3 << 20))
        } throws: {
          // Which of the two depends on whether the client is still writing.
          [.resourceExhausted, .unavailable].contains(($0 as? RPCError)?.code)
        }
        let count = try await recognize(tandem, packets(1, bytes: 10)).count
        #expect(count == 3)
      }
    }
  }

  @Test("a refusal arrives as a status with its type")
  func refusal() async throws {
    try await EchoServer.run { server, _ in
      try await EchoServer.withClient(port: server.port) { tandem, _ in
        do {
          _ = try await recognize(tandem, [Tandem_V1_Packet()])
          Issue.record("an empty packet was accepted")
        } catch let error as RPCError {
          #expect(error.code == .invalidArgument)
          #expect(Tandem_V1_Refused(error)?.reason == .malformed)
          #expect(Tandem_V1_Refused(error)?.message == "a packet without content")
        }
      }
    }
  }

  @Test("cancelling a call on the device ends it on the edge")
  func cancel() async throws {
    try await EchoServer.run { server, service in
      try await EchoServer.withClient(port: server.port) { tandem, _ in
        let call = Task {
          try await tandem.recognize { writer in
            try await writer.write(.with { $0.start.protocolVersion = 1 })
            try await Task.sleep(for: .seconds(60))
          } onResponse: { response in
            for try await _ in response.messages {}
          }
        }
        try await eventually("the call begins") {
          service.begun.load(ordering: .sequentiallyConsistent) == 1
        }
        call.cancel()
        _ = await call.result
        try await eventually("the call ends on the edge") {
          service.ended.load(ordering: .sequentiallyConsistent) == 1
        }
        // And the connection still works.
        let count = try await recognize(tandem, packets(1, bytes: 10)).count
        #expect(count == 3)
      }
    }
  }

  @Test("an edge that vanishes in mid-stream fails the call at once, with a reason")
  func vanishing() async throws {
    // A relay stands for the network, and is cut.
    try await EchoServer.run { server, _ in
      let relay = try await Relay.start(to: server.port)
      try await EchoServer.withClient(port: relay.port) { tandem, transport in
        let start = ContinuousClock.now
        await #expect {
          try await tandem.recognize { writer in
            try await writer.write(.with { $0.start.protocolVersion = 1 })
            try await Task.sleep(for: .seconds(60))
          } onResponse: { response in
            for try await answer in response.messages {
              #expect(answer.accepted.serverVersion == "echo")
              relay.cut()
            }
          }
        } throws: {
          ($0 as? RPCError)?.code == .unavailable
        }
        #expect(ContinuousClock.now - start < .seconds(10))
        #expect(transport.failure?.kind == .truncated)
        await #expect(throws: (any Error).self) {
          _ = try await recognize(tandem, packets(1, bytes: 1))
        }
      }
    }
  }

  @Test("a graceful stop lets a running call finish and then closes")
  func gracefulStop() async throws {
    try await EchoServer.run { server, service in
      try await EchoServer.withClient(port: server.port) { tandem, _ in
        let text = try await tandem.recognize { writer in
          try await writer.write(.with { $0.start.protocolVersion = 1 })
          try await eventually("the call begins") {
            service.begun.load(ordering: .sequentiallyConsistent) == 1
          }
          server.beginGracefulShutdown()
          try await Task.sleep(for: .milliseconds(200))
          try await writer.write(.with { $0.end.totalFrames = 0 })
        } onResponse: { response in
          var last = Tandem_V1_Answer()
          for try await answer in response.messages { last = answer }
          return last.final.text
        }
        #expect(text == "device 1 sent 0 bytes")
      }
    }
  }

  private func checkConnect(
    gives expected: TLSError.Kind?, _ port: Int, _ options: TLSOptions
  ) async {
    var found: TLSError.Kind?
    do {
      let context = try TLSContext(.client, options)
      _ = try await SecureClientTransport.connect(host: "127.0.0.1", port: port, tls: context)
    } catch {
      found = (error as? TLSError)?.kind
    }
    #expect(found == expected)
  }

  @Test(
    "connect names what is wrong: strange authority, wrong name, missing and strange certificate")
  func connectErrors() async throws {
    try await EchoServer.run { server, _ in
      let port = server.port
      var strange = certificates.clientOptions(certificates.strangeDevice)
      await checkConnect(gives: .certificateRefused, port, strange)
      strange = certificates.clientOptions(roots: certificates.strangeAuthority)
      await checkConnect(gives: .unknownAuthority, port, strange)
      await checkConnect(
        gives: .hostnameMismatch, port, certificates.clientOptions(serverName: "other"))
      await checkConnect(gives: .missingClientCertificate, port, certificates.anonymousOptions())
      await checkConnect(gives: nil, port, certificates.clientOptions())
    }
  }

  @Test("an edge that is not there, and a name that does not exist, are named")
  func notThere() async throws {
    let context = try TLSContext(.client, certificates.clientOptions())
    // Bound but not listening any more: surely free.
    let port = try ListeningSocket(host: "127.0.0.1", port: 0).port
    await #expect {
      _ = try await SecureClientTransport.connect(host: "127.0.0.1", port: port, tls: context)
    } throws: {
      ($0 as? TLSError)?.kind == .unreachable
        && "\($0)".contains("127.0.0.1:\(port): nobody listens there")
    }
    await #expect {
      _ = try await SecureClientTransport.connect(
        host: "no-such-host.invalid", port: port, tls: context)
    } throws: {
      ($0 as? TLSError)?.kind == .address
    }
  }

  @Test("connect gives up on a listener that never answers, and at once when cancelled")
  func silentListener() async throws {
    let context = try TLSContext(.client, certificates.clientOptions())
    let listener = try ListeningSocket(host: "127.0.0.1", port: 0)
    let port = listener.port
    let start = ContinuousClock.now
    await #expect {
      _ = try await SecureClientTransport.connect(
        host: "127.0.0.1", port: port, tls: context, connectTimeout: .milliseconds(300))
    } throws: {
      ($0 as? TLSError)?.kind == .handshakeTimeout
    }
    #expect(ContinuousClock.now - start < .seconds(3))

    let attempt = Task {
      try await SecureClientTransport.connect(
        host: "127.0.0.1", port: port, tls: context, connectTimeout: .seconds(60))
    }
    try await Task.sleep(for: .milliseconds(100))
    attempt.cancel()
    let result = await attempt.result
    #expect(throws: CancellationError.self) { try result.get() }
    #expect(ContinuousClock.now - start < .seconds(10))
    _ = consume listener
  }

  @Test("a connection that nobody uses, or that is stopped before it runs, harms nobody")
  func unused() async throws {
    try await EchoServer.run { server, _ in
      let context = try TLSContext(.client, certificates.clientOptions())
      for _ in 0..<5 {
        _ = try await SecureClientTransport.connect(
          host: "127.0.0.1", port: server.port, tls: context)
      }
      for _ in 0..<5 {
        let transport = try await SecureClientTransport.connect(
          host: "127.0.0.1", port: server.port, tls: context)
        transport.beginGracefulShutdown()
        try await transport.connect()
      }
      for _ in 0..<20 {
        // An empty body: gRPC's client may find itself stopped before it ran, and says so.
        try? await EchoServer.withClient(port: server.port) { _, _ in }
      }
      try await eventually("all are let go") { server.connectionCount == 0 }
    }
  }

  @Test("a port in use is named")
  func portInUse() throws {
    let tls = try TLSContext(.server, certificates.serverOptions())
    let first = try SecureServerTransport.make(host: "127.0.0.1", port: 0, tls: tls)
    #expect(first.port > 0)
    #expect {
      try SecureServerTransport.make(host: "127.0.0.1", port: first.port, tls: tls)
    } throws: {
      ($0 as? TLSError)?.kind == .addressInUse && "\($0)".contains("\(first.port)")
    }
    #expect {
      try SecureServerTransport.make(host: "192.0.2.1", port: 0, tls: tls)
    } throws: {
      ($0 as? TLSError)?.kind == .addressInUse
    }
    #expect {
      try SecureServerTransport.make(host: "127.0.0.1", port: 70_000, tls: tls)
    } throws: {
      ($0 as? TLSError)?.kind == .address
    }
  }

  @Test("IPv6 callers have an identity too")
  func version6() async throws {
    let hasIPv6: Bool
    do {
      _ = try ListeningSocket(host: "::1", port: 0)
      hasIPv6 = true
    } catch {
      hasIPv6 = false
    }
    guard hasIPv6 else { return }
    try await EchoServer.run(host: "::1") { server, _ in
      try await EchoServer.withClient(port: server.port, host: "::1") { tandem, _ in
        let description = try await tandem.describe(Tandem_V1_DescribeRequest())
        #expect(description.serverVersion == "device 1")
      }
    }
  }

  @Test("devices one after another on the very same port are told apart")
  func reusedPort() async throws {
    let second = try certificates.authority.issue(
      CertificateRequest(use: .device, commonName: "device 2"),
      intoFolder: certificates.folder + "/second-\(UUID().uuidString)")
    try await EchoServer.run { server, _ in
      // The relay calls from one source port every time.
      var sourcePort = 0
      for (certificate, name) in [(certificates.device, "device 1"), (second, "device 2")] {
        let relay = try await Relay.start(to: server.port, from: sourcePort)
        try await EchoServer.withClient(
          port: relay.port, tls: certificates.clientOptions(certificate)
        ) { tandem, _ in
          let description = try await tandem.describe(Tandem_V1_DescribeRequest())
          #expect(description.serverVersion == name)
        }
        let used = try #require(relay.sourcePort)
        if sourcePort != 0 { #expect(used == sourcePort) }
        sourcePort = used
        // Without a word of goodbye to the edge: a reset, so that the port is free.
        relay.cut()
        // A stranger's attempt from that port learns nothing and is nobody.
        try await eventually("the edge forgets") { server.peers.count == 0 }
      }
      let relay = try await Relay.start(to: server.port, from: sourcePort)
      await #expect(throws: TLSError.self) {
        try await EchoServer.withClient(
          port: relay.port, tls: certificates.anonymousOptions()
        ) { _, _ in }
      }
      #expect(server.peers.count == 0)
      relay.cut()
    }
  }

  @Test("connections over the limit are closed, and the rest go on")
  func connectionLimit() async throws {
    var configuration = SecureServerConfiguration()
    configuration.maximumConnections = 2
    try await EchoServer.run(configuration: configuration) { server, _ in
      try await EchoServer.withClient(port: server.port) { first, _ in
        try await EchoServer.withClient(port: server.port) { second, _ in
          await #expect(throws: TLSError.self) {
            try await EchoServer.withClient(port: server.port) { _, _ in }
          }
          for tandem in [first, second] {
            let count = try await recognize(tandem, packets(1, bytes: 1)).count
            #expect(count == 3)
          }
        }
      }
      try await eventually("all are let go") { server.connectionCount == 0 }
      try await EchoServer.withClient(port: server.port) { again, _ in
        let count = try await recognize(again, packets(1, bytes: 1)).count
        #expect(count == 3)
      }
    }
  }

  @Test("garbage on the port harms nobody")
  func garbage() async throws {
    try await EchoServer.run { server, _ in
      try await EchoServer.withClient(port: server.port) { tandem, _ in
        for text in ["GET / HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}\u{ff}\u{ff}", ""] {
          let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: server.port).get()
          try await channel.writeAndFlush(ByteBuffer(string: text)).get()
          try? await channel.close().get()
        }
        let count = try await recognize(tandem, packets(1, bytes: 1)).count
        #expect(count == 3)
      }
      try await eventually("all are let go") { server.connectionCount == 0 }
    }
  }

  /// What a storm's tasks tell each other.
  private final class Tally: Sendable {
    let port = Mutex(0)
    let answered = Atomic<Int>(0)
    var total: Int { answered.load(ordering: .relaxed) }
    var target: Int { port.withLock { $0 } }
  }

  @Test("stopping in the middle of a storm of connections and calls harms nobody")
  func storm() async throws {
    for round in 0..<8 {
      let tally = Tally()
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          try await EchoServer.run { server, _ in
            tally.port.withLock { $0 = server.port }
            try await eventually("calls are answered") { tally.total > 5 }
            try await Task.sleep(for: .milliseconds(round))
          }
        }
        try await eventually("the edge listens") { tally.target != 0 }
        for _ in 0..<12 { group.addTask { await callUntilGone(tally) } }
        try await group.waitForAll()
      }
      #expect(tally.total > 5)
    }
  }

  /// Every call either answers or fails with an error, until nobody listens any more.
  private func callUntilGone(_ tally: Tally) async {
    while true {
      do {
        try await EchoServer.withClient(port: tally.target) { tandem, _ in
          let count = try await recognize(tandem, packets(3, bytes: 2000)).count
          #expect(count == 5)
          tally.answered.add(1, ordering: .relaxed)
        }
      } catch {
        if (error as? TLSError)?.kind == .unreachable { return }
      }
    }
  }
}
