import Crypto
import Foundation
import GRPCCore
import Testing

@testable import TandemProtocol

/// The edge's packet machine: what passes, and the name of everything that does not.
@Suite("Packet sequence")
struct PacketSequenceTests {
  private static let model = Data(repeating: 0xA1, count: 32)
  private static let codec = Data(repeating: 0xB2, count: 32)

  private let description = Tandem_V1_Description.with {
    $0.protocolVersionMinimum = 1
    $0.protocolVersionMaximum = 1
    $0.modelFingerprint = Self.model
    $0.codecFingerprint = Self.codec
    $0.codecs = [
      .with {
        $0.name = "float32"
        $0.index = 0
      },
      .with {
        $0.name = "int8"
        $0.index = 1
      },
    ]
    $0.splitLayers = [
      .with {
        $0.layer = 0
        $0.dimension = 8
      },
      .with {
        $0.layer = 4
        $0.dimension = 8
      },
    ]
    $0.limits = .with {
      $0.messageBytes = 1000
      $0.packetsPerUtterance = 5
      $0.secondsPerUtterance = 1
      $0.bytesPerUtterance = 2000
    }
  }

  private let start = Tandem_V1_Start.with {
    $0.protocolVersion = 1
    $0.modelFingerprint = Self.model
    $0.codecFingerprint = Self.codec
    $0.splitLayer = 4
    $0.codec = 1
    $0.featureDimension = 8
    $0.utteranceID = Data(repeating: 7, count: 16)
    $0.deadlineMilliseconds = 1000
    $0.framesPerPacket = 4
  }

  private func features(_ first: UInt32, _ count: UInt32, bytes: Int = 8) -> Tandem_V1_Packet {
    .with {
      $0.features.firstFrame = first
      $0.features.frameCount = count
      $0.features.payload = Data(repeating: UInt8(truncatingIfNeeded: first), count: bytes)
    }
  }

  private func end(_ total: UInt32, over packets: [Tandem_V1_Packet]) -> Tandem_V1_Packet {
    var hash = SHA256()
    for packet in packets { hash.update(data: packet.features.payload) }
    let checksum = Data(hash.finalize())
    return .with {
      $0.end.totalFrames = total
      $0.end.checksum = checksum
    }
  }

  /// The reason that a stream of packets is refused for; nil: it passes.
  private func reason(_ packets: [Tandem_V1_Packet]) -> Tandem_V1_RefusalReason? {
    var sequence = PacketSequence(.init(description))
    do {
      for packet in packets { _ = try sequence.take(packet) }
      try sequence.finish()
      return nil
    } catch {
      #expect(!error.message.isEmpty)
      #expect(error.statusError.code == error.reason.statusCode)
      return error.reason
    }
  }

  private func reason(changing change: (inout Tandem_V1_Start) -> Void) -> Tandem_V1_RefusalReason?
  {
    var changed = start
    change(&changed)
    let packet = Tandem_V1_Packet.with { $0.start = changed }
    return reason([packet, end(0, over: [])])
  }

  private var startPacket: Tandem_V1_Packet { .with { $0.start = start } }

  @Test("a whole utterance passes, the last packet may be short, and none at all is one too")
  func whole() throws {
    let packets = [features(0, 4), features(4, 4), features(8, 2)]
    #expect(reason([startPacket] + packets + [end(10, over: packets)]) == nil)
    #expect(reason([startPacket, end(0, over: [])]) == nil)

    var sequence = PacketSequence(.init(description))
    _ = try sequence.take(startPacket)
    _ = try sequence.take(packets[0])
    #expect(sequence.receivedFrames == 4)
  }

  @Test("each fault in start has its own reason")
  func startFaults() {
    #expect(reason { $0.protocolVersion = 2 } == .version)
    #expect(reason { $0.protocolVersion = 0 } == .version)
    #expect(reason { $0.modelFingerprint[0] ^= 1 } == .modelFingerprint)
    #expect(reason { $0.modelFingerprint = Data() } == .malformed)
    #expect(reason { $0.codecFingerprint[31] ^= 1 } == .codecFingerprint)
    #expect(reason { $0.codecFingerprint.append(0) } == .malformed)
    #expect(reason { $0.splitLayer = 3 } == .splitLayer)
    #expect(reason { $0.codec = 2 } == .codec)
    #expect(reason { $0.featureDimension = 9 } == .dimension)
    #expect(reason { $0.utteranceID = Data(count: 15) } == .malformed)
    #expect(reason { $0.framesPerPacket = 0 } == .malformed)
    #expect(reason { $0.framesPerPacket = 3001 } == .malformed)
    #expect(reason { $0.traceContext = String(repeating: "0", count: 129) } == .malformed)
    #expect(reason { $0.deadlineMilliseconds = 0 } == .deadlinePassed)
    #expect(reason { $0.deadlineMilliseconds = 300_001 } == .malformed)
    #expect(reason { _ in } == nil)
  }

  @Test("a differing fingerprint is named with both beginnings")
  func fingerprintMessage() {
    var sequence = PacketSequence(.init(description))
    var changed = start
    changed.modelFingerprint = Data(repeating: 0x0F, count: 32)
    let packet = Tandem_V1_Packet.with { $0.start = changed }
    #expect {
      try sequence.take(packet)
    } throws: {
      "\($0)".contains("0f0f0f0f0f0f0f0f") && "\($0)".contains("a1a1a1a1a1a1a1a1")
    }
  }

  @Test("wrong order is malformed")
  func order() {
    #expect(reason([features(0, 4)]) == .malformed)
    #expect(reason([end(0, over: [])]) == .malformed)
    #expect(reason([startPacket, startPacket]) == .malformed)
    #expect(reason([startPacket, end(0, over: []), features(0, 4)]) == .malformed)
    #expect(reason([startPacket, end(0, over: []), end(0, over: [])]) == .malformed)
    #expect(reason([Tandem_V1_Packet()]) == .malformed)
    #expect(reason([startPacket, Tandem_V1_Packet()]) == .malformed)
    #expect(reason([startPacket, features(0, 4)]) == .malformed, "no end")
    #expect(reason([]) == .malformed, "nothing at all")
  }

  @Test("gaps, overlaps and repetitions are named")
  func gaps() {
    #expect(reason([startPacket, features(1, 4)]) == .sequenceGap)
    #expect(reason([startPacket, features(0, 4), features(3, 4)]) == .sequenceGap)
    #expect(reason([startPacket, features(0, 4), features(0, 4)]) == .sequenceGap)
    #expect(reason([startPacket, features(0, 4), features(5, 4)]) == .sequenceGap)
    let packets = [features(0, 4)]
    #expect(reason([startPacket] + packets + [end(5, over: packets)]) == .sequenceGap)
    #expect(reason([startPacket, features(.max, 4)]) == .sequenceGap)
  }

  @Test("frame counts must be as start said")
  func frameCounts() {
    #expect(reason([startPacket, features(0, 5)]) == .malformed)
    #expect(reason([startPacket, features(0, 0)]) == .malformed)
    #expect(reason([startPacket, features(0, 4, bytes: 0)]) == .malformed)
    #expect(reason([startPacket, features(0, 3), features(3, 4)]) == .malformed)
    #expect(reason([startPacket, features(0, .max)]) == .malformed)
  }

  @Test("a wrong checksum is data loss")
  func checksum() {
    let packets = [features(0, 4), features(4, 4)]
    #expect(reason([startPacket] + packets + [end(8, over: packets.reversed())]) == .checksum)
    #expect(
      reason([startPacket] + packets + [.with { $0.end.totalFrames = 8 }]) == .checksum)
    #expect(Tandem_V1_RefusalReason.checksum.statusCode == .dataLoss)
  }

  @Test("the edge's limits hold, each with its reason")
  func limits() {
    let six = (0..<6).map { features(UInt32($0) * 4, 4) }
    #expect(reason([startPacket] + six.prefix(5) + [end(20, over: Array(six.prefix(5)))]) == nil)
    #expect(reason([startPacket] + six) == .tooLong, "packets")

    var long = start
    long.framesPerPacket = 20
    let longStart = Tandem_V1_Packet.with { $0.start = long }
    #expect(reason([longStart, features(0, 20), features(20, 6)]) == .tooLong, "seconds")
    #expect(reason([startPacket, features(0, 4, bytes: 969)]) == .tooLarge, "a message")
    let heavy = (0..<3).map { features(UInt32($0) * 4, 4, bytes: 900) }
    #expect(reason([startPacket] + heavy) == .tooLarge, "the utterance")
  }
}
