import Foundation
import SwiftProtobuf
import Testing

@testable import TandemProtocol

/// Frozen bytes: what version 1 has ever written, every later version reads and writes.
@Suite("Frozen vectors")
struct VectorTests {
  struct Vector: Codable, Sendable {
    var message: String
    var json: String
    var hexadecimal: String
  }

  static let types: [any SwiftProtobuf.Message.Type] = [
    Tandem_V1_DescribeRequest.self, Tandem_V1_Description.self, Tandem_V1_Packet.self,
    Tandem_V1_Answer.self, Tandem_V1_Refused.self,
  ]

  private func load() throws -> [Vector] {
    let data = try Data(contentsOf: Repository.url("Protocol/Vectors/messages.json"))
    return try JSONDecoder().decode([Vector].self, from: data)
  }

  private func type(_ name: String) throws -> any SwiftProtobuf.Message.Type {
    try #require(Self.types.first { $0.protoMessageName == "tandem.v1.\(name)" }, "\(name)")
  }

  private func bytes(_ hexadecimal: String) throws -> [UInt8] {
    let digits = Array(hexadecimal)
    return try stride(from: 0, to: digits.count, by: 2).map {
      try #require(UInt8(String(digits[$0...$0 + 1]), radix: 16))
    }
  }

  @Test("every frozen message decodes to its value, and encodes to its bytes")
  func frozen() throws {
    let vectors = try load()
    for vector in vectors {
      let type = try type(vector.message)
      let bytes = try bytes(vector.hexadecimal)
      let decoded = try type.init(serializedBytes: bytes)
      let again: [UInt8] = try decoded.serializedBytes()
      #expect(again == bytes, "\(vector.message)")
      let named = try type.init(jsonString: vector.json)
      #expect(decoded.isEqualTo(message: named), "\(vector.json)")
      let fromName: [UInt8] = try named.serializedBytes()
      #expect(fromName == bytes, "\(vector.json)")
      #expect(decoded.unknownFields.data.isEmpty)
    }
  }

  @Test("every kind of packet, answer and refusal is frozen")
  func coverage() throws {
    let vectors = try load()
    var packets: Set<String> = []
    var answers: Set<String> = []
    var reasons: Set<Int> = []
    for vector in vectors {
      let bytes = try bytes(vector.hexadecimal)
      switch vector.message {
      case "Packet":
        let packet = try Tandem_V1_Packet(serializedBytes: bytes)
        packets.insert("\(packet.kind.map { "\($0)".prefix(5) } ?? "none")")
      case "Answer":
        let answer = try Tandem_V1_Answer(serializedBytes: bytes)
        answers.insert("\(answer.kind.map { "\($0)".prefix(5) } ?? "none")")
      case "Refused":
        reasons.insert(try Tandem_V1_Refused(serializedBytes: bytes).reason.rawValue)
      default: break
      }
    }
    #expect(packets == ["start", "featu", "end(T"])
    #expect(answers == ["accep", "ackno", "parti", "final"])
    #expect(reasons == Set(1...16))
    #expect(Set(vectors.map(\.message)).count == Self.types.count)
  }

  @Test("a field that this version does not know is kept and passed on")
  func unknownField() throws {
    // Field 1000, varint 5.
    let bytes: [UInt8] = [0x0A, 0x02, 0x08, 0x01, 0xC0, 0x3E, 0x05]
    let packet = try Tandem_V1_Packet(serializedBytes: bytes)
    #expect(packet.start.protocolVersion == 1)
    let again: [UInt8] = try packet.serializedBytes()
    #expect(again == bytes)
  }

  @Test("cut and changed bytes give an error or a message, never a crash")
  func damaged() throws {
    var generator = SplitMix64(state: 42)
    var errors = 0
    var messages = 0
    func feed(_ bytes: [UInt8]) {
      for type in Self.types {
        if let message = try? type.init(serializedBytes: bytes) {
          messages += 1
          let again: [UInt8]? = try? message.serializedBytes()
          #expect(again != nil)
        } else {
          errors += 1
        }
      }
    }
    for vector in try load() {
      let bytes = try bytes(vector.hexadecimal)
      for length in 0..<bytes.count { feed(Array(bytes.prefix(length))) }
      for _ in 0..<200 {
        var changed = bytes
        guard !changed.isEmpty else { continue }
        for _ in 0...Int.random(in: 0..<4, using: &generator) {
          changed[Int.random(in: 0..<changed.count, using: &generator)] =
            UInt8.random(in: 0...255, using: &generator)
        }
        feed(changed)
      }
    }
    for _ in 0..<5000 {
      feed(
        (0..<Int.random(in: 0..<200, using: &generator)).map { _ in
          UInt8.random(in: 0...255, using: &generator)
        })
    }
    // Both happen, so the loop has really fed something.
    #expect(errors > 1000 && messages > 1000)
  }
}

/// A small generator with a seed, so that a failure comes again (Steele et al., 2014).
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
