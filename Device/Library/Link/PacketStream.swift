import Basics
import FeatureCodec
import Foundation
import TandemProtocol

/// One utterance as it goes over the wire while its features become ready: Start, Features and End with the checksum
/// over all payloads (SPEC.md, sections 3 to 5). Pure; the packets do not depend on how the features arrive.
struct PacketStream: Sendable {
  let start: Tandem_V1_Packet
  private var packetiser: Packetiser
  private var checksum = SHA256()
  private var frames = 0

  /// - Throws: `FeatureCodecError` for fewer than one frame a packet.
  init(_ header: OffloadHeader) throws(FeatureCodecError) {
    packetiser = try Packetiser(
      encoder: FeatureEncoder(codec: header.codec, dimension: header.dimension),
      framesPerPacket: header.framesPerPacket)
    start = .with {
      $0.start = .with {
        $0.protocolVersion = ProtocolLimits.version
        $0.modelFingerprint = Data(header.modelFingerprint)
        $0.codecFingerprint = Self.codecFingerprint
        $0.splitLayer = UInt32(header.splitLayer)
        $0.codec = UInt32(header.codec.index)
        $0.featureDimension = UInt32(header.dimension)
        $0.utteranceID = Data(header.utteranceID)
        $0.deadlineMilliseconds = Self.milliseconds(header.deadline)
        $0.framesPerPacket = UInt32(header.framesPerPacket)
      }
    }
  }

  /// The packets that these features, `[n, dimension]`, complete.
  /// - Throws: `FeatureCodecError` when a feature is not finite; the stream is then as it was before.
  mutating func append(_ features: [Float]) throws(FeatureCodecError) -> [Tandem_V1_Packet] {
    try packetiser.append(features).map { take($0) }
  }

  /// What is left, and End.
  /// - Parameter deadline: seconds from now within which the edge is to answer; nil: what Start said holds.
  mutating func finish(deadline: Double? = nil) throws(FeatureCodecError) -> [Tandem_V1_Packet] {
    var packets: [Tandem_V1_Packet] = []
    if let last = try packetiser.finish() { packets.append(take(last)) }
    let digest = Data(checksum.finalize())
    packets.append(
      .with {
        $0.end = .with {
          $0.totalFrames = UInt32(frames)
          $0.checksum = digest
          if let deadline { $0.deadlineMilliseconds = Self.milliseconds(deadline) }
        }
      })
    return packets
  }

  private mutating func take(_ packet: FeaturePacket) -> Tandem_V1_Packet {
    checksum.update(with: packet.payload)
    frames += packet.frameCount
    return .with {
      $0.features = .with {
        $0.firstFrame = UInt32(packet.firstFrame)
        $0.frameCount = UInt32(packet.frameCount)
        $0.payload = Data(packet.payload)
      }
    }
  }

  private static func milliseconds(_ seconds: Double) -> UInt32 {
    UInt32(max(1, min(seconds * 1_000, Double(ProtocolLimits.deadlineMilliseconds))))
  }

  private static let codecFingerprint = Data([UInt8](hexadecimal: FeatureCodec.fingerprint))
}
