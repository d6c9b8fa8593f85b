import Foundation
import GRPCCore
import TandemProtocol
import Testing

@testable import TandemDevice
@testable import TandemEdge

@Suite("What an edge refuses, it names", .timeLimit(.minutes(5)))
struct RefusalTests {
  @Test func anotherModelIsNamedOnBothSides() async throws {
    let log = LogCapture()
    try await TestEdge.run(log: log) { server in
      let link = try TestEdge.link(port: server.port)
      let device = try TestEdge.device(link, model: "subwords")
      // Connected first, so that the policy knows of no obstacle.
      _ = try await link.describe()
      let recognition = try await device.recognize(Sound.bursts(seconds: 1))
      guard case .refused(let reason, let message)? = recognition.failure else {
        Issue.record("not refused: \(recognition.reason)")
        return
      }
      #expect(reason == "model-fingerprint")
      #expect(recognition.failure?.fallbackReason == .refused)
      #expect(recognition.origin == .exit(device.model.exitCount))
      let fingerprints = [device.model.fingerprint, server.model.fingerprint].map { $0.prefix(12) }
      #expect(fingerprints[0] != fingerprints[1])
      let logged = log.lines.first { $0.contains("utterance refused") } ?? ""
      for fingerprint in fingerprints {
        #expect(message.contains(fingerprint))
        #expect(recognition.reason.contains(fingerprint))
        #expect(logged.contains(fingerprint))
      }
      await device.close()
    }
  }

  struct Wrong: Sendable, CustomTestStringConvertible {
    var what: String
    var reason: Tandem_V1_RefusalReason
    var code: RPCError.Code
    var says: String
    var change: @Sendable (inout [Tandem_V1_Packet]) -> Void
    var testDescription: String { what }
  }

  static let wrongs: [Wrong] = [
    Wrong(what: "version", reason: .version, code: .failedPrecondition, says: "version 9") {
      $0[0].start.protocolVersion = 9
    },
    Wrong(
      what: "codec fingerprint", reason: .codecFingerprint, code: .failedPrecondition,
      says: "codec table is 010101010101"
    ) { $0[0].start.codecFingerprint = Data(repeating: 1, count: 32) },
    Wrong(what: "codec", reason: .codec, code: .invalidArgument, says: "77") {
      $0[0].start.codec = 77
    },
    Wrong(
      what: "split layer", reason: .splitLayer, code: .invalidArgument,
      says: "split layer 4; this model has 0 to 3"
    ) { $0[0].start.splitLayer = 4 },
    Wrong(what: "dimension", reason: .dimension, code: .invalidArgument, says: "13 values") {
      $0[0].start.featureDimension = 13
    },
    Wrong(what: "utterance id", reason: .malformed, code: .invalidArgument, says: "id of 3 bytes") {
      $0[0].start.utteranceID = Data([1, 2, 3])
    },
    Wrong(what: "no deadline", reason: .deadlinePassed, code: .deadlineExceeded, says: "0 ms") {
      $0[0].start.deadlineMilliseconds = 0
    },
    Wrong(what: "no Start", reason: .malformed, code: .invalidArgument, says: "must be Start") {
      $0.removeFirst()
    },
    Wrong(what: "a gap", reason: .sequenceGap, code: .invalidArgument, says: "frame 8 comes next") {
      $0.remove(at: 2)
    },
    Wrong(what: "checksum", reason: .checksum, code: .dataLoss, says: "checksum") {
      $0[1].features.payload[0] ^= 1
    },
    Wrong(what: "total", reason: .sequenceGap, code: .invalidArgument, says: "End speaks of") {
      $0[$0.count - 1].end.totalFrames += 1
    },
    Wrong(what: "no End", reason: .malformed, code: .invalidArgument, says: "without End") {
      $0.removeLast()
    },
    Wrong(
      what: "a feature that is not a number", reason: .malformed, code: .invalidArgument,
      says: "finite"
    ) { $0[1].features.payload.replaceSubrange(0..<4, with: [0, 0, 0xC0, 0x7F]) },
  ]

  @Test(arguments: wrongs)
  func refused(wrong: Wrong) async throws {
    try await TestEdge.run { server in
      try await TestEdge.withClient(server) { client in
        var packets = try TestUtterance.packets()
        wrong.change(&packets)
        do {
          let text = try await Self.send(packets, client)
          Issue.record("answered: \(text ?? "nothing")")
        } catch let error as RPCError {
          let refused = try #require(Tandem_V1_Refused(error), "no refusal in \(error)")
          #expect(refused.reason == wrong.reason)
          #expect(refused.message.contains(wrong.says), "\(refused.message)")
          #expect(error.code == wrong.code)
        }
        // The edge is none the worse for it.
        #expect(try await Self.send(TestUtterance.packets(), client) != nil)
      }
    }
  }

  static func send(
    _ packets: [Tandem_V1_Packet], _ client: TestEdge.Client
  ) async throws -> String? {
    try await client.recognize { writer in
      for packet in packets { try await writer.write(packet) }
    } onResponse: { response in
      var text: String?
      for try await answer in response.messages {
        if case .final(let final) = answer.kind { text = final.text }
      }
      return text
    }
  }

  @Test func longerThanTheEdgeAllows() async throws {
    var configuration = try TestEdge.configuration()
    configuration.maximumSeconds = 2
    try await TestEdge.run(configuration) { server in
      let link = try TestEdge.link(port: server.port)
      await #expect {
        _ = try await link.recognize(TestUtterance.request(seconds: 4))
      } throws: { error in
        guard case .refused("too-long", let message)? = error as? OffloadFailure else {
          return false
        }
        return message.contains("2 seconds")
      }
      await link.close()
    }
  }
}
