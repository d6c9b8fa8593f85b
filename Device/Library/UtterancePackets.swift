import Basics
import Crypto
import FeatureCodec
import Foundation
import TandemProtocol

/// One utterance as it goes over the wire: Start, Features and End with the checksum over all payloads
/// (SPEC.md, sections 3 to 5). A pure function of the request.
struct UtterancePackets: Sendable {
  let start: Tandem_V1_Packet
  let features: [Tandem_V1_Packet]
  let end: Tandem_V1_Packet
  let frames: Int
  let payloadBytes: Int

  var all: [Tandem_V1_Packet] { [start] + features + [end] }

  /// - Throws: `FeatureCodecError` when a feature is not finite.
  init(_ request: OffloadRequest) throws(FeatureCodecError) {
    var packetiser = try Packetiser(
      encoder: FeatureEncoder(codec: request.codec, dimension: request.dimension),
      framesPerPacket: request.framesPerPacket)
    var packets = try packetiser.append(request.features)
    if let last = try packetiser.finish() { packets.append(last) }
    var checksum = SHA256()
    for packet in packets { checksum.update(data: packet.payload) }
    let digest = Data(checksum.finalize())
    let frames = packets.reduce(0) { $0 + $1.frameCount }
    self.frames = frames
    payloadBytes = packets.reduce(0) { $0 + $1.payload.count }
    start = .with {
      $0.start = .with {
        $0.protocolVersion = ProtocolLimits.version
        $0.modelFingerprint = Data(request.modelFingerprint)
        $0.codecFingerprint = Self.codecFingerprint
        $0.splitLayer = UInt32(request.splitLayer)
        $0.codec = UInt32(request.codec.index)
        $0.featureDimension = UInt32(request.dimension)
        $0.utteranceID = Data(request.utteranceID)
        $0.deadlineMilliseconds = UInt32(
          max(1, min(request.deadline * 1_000, Double(ProtocolLimits.deadlineMilliseconds))))
        $0.framesPerPacket = UInt32(request.framesPerPacket)
      }
    }
    features = packets.map { packet in
      .with {
        $0.features = .with {
          $0.firstFrame = UInt32(packet.firstFrame)
          $0.frameCount = UInt32(packet.frameCount)
          $0.payload = Data(packet.payload)
        }
      }
    }
    end = .with {
      $0.end = .with {
        $0.totalFrames = UInt32(frames)
        $0.checksum = digest
      }
    }
  }

  private static let codecFingerprint = Data([UInt8](hexadecimal: FeatureCodec.fingerprint))
}
