import Foundation
import GRPCCore
import Offload
import Synchronization
import TandemProtocol
import Testing

@testable import TandemDevice
@testable import TandemEdge

@Suite("Whatever becomes of the edge, there is an answer", .timeLimit(.minutes(5)))
struct FallbackTests {
  private let samples = Sound.bursts(seconds: 1)

  /// What the device says when it is asked alone.
  private func localText() async throws -> String {
    let text = try await TestEdge.device(nil, policy: "always-local").recognize(samples).text
    #expect(!text.isEmpty)
    return text
  }

  @Test func aSilentEdgeCostsTheDeadlineAndNoMore() async throws {
    let hole = try BlackHole()
    let link = try TestEdge.link(port: hole.port, connectTimeout: .seconds(60))
    // Long enough that even a slow machine has something to offload before it has passed.
    let device = try TestEdge.device(link) { $0.deadline = 4 }
    let recognition = try await device.recognize(samples)
    #expect(recognition.origin == .exit(2))
    #expect(recognition.failure == .deadline)
    #expect(recognition.reason.contains("deadline"))
    #expect(recognition.text == (try await localText()))
    #expect(recognition.latencySeconds >= 4)
    // Generous, for slow machines; a connection attempt of sixty seconds must not be waited for.
    #expect(recognition.latencySeconds < 30)
    await device.close()
  }

  @Test func withoutTheHedgeThereIsAReasonAndNoAnswer() async throws {
    try await TestEdge.run { server in
      let link = try TestEdge.link(port: server.port)
      _ = try await link.describe()
      // Another model: refused, whatever the machine's speed.
      let device = try TestEdge.device(link, model: "subwords") { $0.hedge = false }
      let recognition = try await device.recognize(samples)
      #expect(recognition.origin == .none)
      #expect(recognition.text.isEmpty)
      guard case .refused? = recognition.failure else {
        Issue.record("not refused: \(recognition.reason)")
        return
      }
      #expect(recognition.reason.contains("refused"))
      await device.close()
    }
  }

  @Test("A deadline shorter than anything still gives an answer, and says why")
  func noTimeAtAll() async throws {
    try await TestEdge.run { server in
      let link = try TestEdge.link(port: server.port)
      _ = try await link.describe()
      let device = try TestEdge.device(link) { $0.deadline = 0.000_001 }
      let recognition = try await device.recognize(samples)
      guard case .exit = recognition.origin else {
        Issue.record("answered by \(recognition.origin)")
        return
      }
      let last = recognition.decisions.last
      let tooShort =
        switch last?.reason {
        case .deadlineTooShort, .deadlinePassed: true
        default: recognition.failure == .deadline
        }
      #expect(tooShort, "\(recognition.reason)")
      await device.close()
    }
  }

  /// Opens a stream and sends its Start; then waits until `release` ends.
  private func hold(
    _ client: TestEdge.Client, _ packets: [Tandem_V1_Packet], after count: Int,
    accepted: AsyncStream<Void>.Continuation, release: AsyncStream<Void>
  ) async throws -> String? {
    try await client.recognize { writer in
      for packet in packets.prefix(count) { try await writer.write(packet) }
      for await _ in release {}
      for packet in packets.dropFirst(count) { try await writer.write(packet) }
    } onResponse: { response in
      var text: String?
      for try await answer in response.messages {
        if case .accepted = answer.kind { accepted.yield() }
        if case .final(let final) = answer.kind { text = final.text }
      }
      return text
    }
  }

  @Test func anOverloadedEdgeRefusesAndTheDeviceAnswers() async throws {
    var configuration = try TestEdge.configuration()
    configuration.maximumStreams = 1
    try await TestEdge.run(configuration) { server in
      try await TestEdge.withClient(server) { client in
        let packets = try TestUtterance.packets()
        let (accepted, signal) = AsyncStream.makeStream(of: Void.self)
        let (release, gate) = AsyncStream.makeStream(of: Void.self)
        async let held = hold(client, packets, after: 2, accepted: signal, release: release)
        for await _ in accepted { break }

        let link = try TestEdge.link(port: server.port)
        _ = try await link.describe()
        let device = try TestEdge.device(link)
        let refused = try await device.recognize(samples)
        #expect(refused.origin == .exit(2))
        guard case .refused(let reason, _)? = refused.failure else {
          Issue.record("not refused: \(refused.reason)")
          return
        }
        #expect(reason == "overload")
        #expect(refused.text == (try await localText()))

        // The stream that was held goes on, and when it is over there is room again.
        gate.finish()
        #expect(try await held?.isEmpty == false)
        try await TestEdge.eventually("there is room again") {
          try await device.recognize(samples).origin == .edge
        }
        await device.close()
      }
    }
  }

  @Test func aCancelledStreamFreesItsSlot() async throws {
    var configuration = try TestEdge.configuration()
    configuration.maximumStreams = 1
    try await TestEdge.run(configuration) { server in
      try await TestEdge.withClient(server) { client in
        let packets = try TestUtterance.packets()
        let (accepted, signal) = AsyncStream.makeStream(of: Void.self)
        let (release, gate) = AsyncStream.makeStream(of: Void.self)
        let held = Task {
          try await hold(client, packets, after: 2, accepted: signal, release: release)
        }
        for await _ in accepted { break }
        await #expect(throws: RPCError.self) { _ = try await RefusalTests.send(packets, client) }
        held.cancel()
        gate.finish()
        await #expect(throws: (any Error).self) { _ = try await held.value }
        try await TestEdge.eventually("the slot is free") {
          (try? await RefusalTests.send(packets, client)) != nil
        }
      }
    }
  }

  @Test func aCancelledUtteranceEndsAtOnce() async throws {
    let hole = try BlackHole()
    let device = try TestEdge.device(
      TestEdge.link(port: hole.port, connectTimeout: .seconds(60)))
    let began = ContinuousClock.now
    let task = Task { try await device.recognize(samples) }
    try await Task.sleep(for: .milliseconds(200))
    task.cancel()
    await #expect(throws: CancellationError.self) { _ = try await task.value }
    // The deadline is sixty seconds away.
    #expect(began.duration(to: .now) < .seconds(30))
    await device.close()
  }

  @Test func aDeviceThatFallsSilentIsDropped() async throws {
    var configuration = try TestEdge.configuration()
    configuration.maximumStreams = 1
    configuration.streamIdle = .milliseconds(200)
    try await TestEdge.run(configuration) { server in
      try await TestEdge.withClient(server) { client in
        let packets = try TestUtterance.packets()
        let (_, signal) = AsyncStream.makeStream(of: Void.self)
        let (release, gate) = AsyncStream.makeStream(of: Void.self)
        do {
          _ = try await hold(client, packets, after: 2, accepted: signal, release: release)
          Issue.record("a silent stream was answered")
        } catch let error as RPCError {
          let refused = try #require(Tandem_V1_Refused(error), "no refusal in \(error)")
          #expect(refused.reason == .deadlinePassed)
          #expect(refused.message.contains("silent"))
        }
        gate.finish()
        #expect(try await RefusalTests.send(packets, client) != nil, "its slot was not freed")
      }
    }
  }

  @Test("An edge that stops gracefully answers what is under way and takes nothing new")
  func gracefulStop() async throws {
    let log = LogCapture()
    let server = try EdgeServer(configuration: TestEdge.configuration(), log: log.logger)
    let running = Task { try await server.run() }
    let link = try TestEdge.link(port: server.port)
    _ = try await link.describe()
    let device = try TestEdge.device(link)
    try await TestEdge.withClient(server) { client in
      let packets = try TestUtterance.packets()
      let expected = try await RefusalTests.send(packets, client)
      let (accepted, signal) = AsyncStream.makeStream(of: Void.self)
      let (release, gate) = AsyncStream.makeStream(of: Void.self)
      async let held = hold(client, packets, after: 2, accepted: signal, release: release)
      for await _ in accepted { break }
      server.beginShutdown()
      let recognition = try await device.recognize(samples)
      #expect(recognition.origin == .exit(2), "\(recognition.reason)")
      #expect(recognition.text == (try await localText()))
      gate.finish()
      #expect(try await held == expected)
    }
    await device.close()
    // The edge ends by itself when its last utterance is answered.
    try await running.value
  }
}
