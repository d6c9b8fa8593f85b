import FeatureCodec
import Foundation
import SwiftProtobuf

/// An utterance's packets as a file that any gRPC client can replay, with the transcript that an edge must
/// answer (SPEC.md, "Recorded utterances").
public struct RecordedUtterance: Sendable {
  /// What stands in NAME.json.
  public struct Expectation: Codable, Sendable, Equatable {
    public var transcript: String
    /// Lower-case hexadecimal.
    public var modelFingerprint: String
    public var codecFingerprint: String
    public var splitLayer: Int
    public var codec: String

    enum CodingKeys: String, CodingKey {
      case transcript
      case modelFingerprint = "model_fingerprint"
      case codecFingerprint = "codec_fingerprint"
      case splitLayer = "split_layer"
      case codec
    }
  }

  /// What stands in NAME.packets: every packet after its length as a varint.
  public var packets: Data
  public var expectation: Expectation

  /// - Parameters:
  ///   - request: its utterance id is recorded as zeros; who replays it puts in a new one.
  ///   - transcript: what an edge with the same model must answer.
  /// - Throws: `FeatureCodecError` when a feature is not finite.
  public init(_ request: OffloadRequest, transcript: String) throws {
    var request = request
    request.utteranceID = Array(repeating: 0, count: request.utteranceID.count)
    var packets = Data()
    for packet in try UtterancePackets(request).all {
      let bytes: Data = try packet.serializedBytes()
      var length = bytes.count
      while length >= 0x80 {
        packets.append(UInt8(length & 0x7F) | 0x80)
        length >>= 7
      }
      packets.append(UInt8(length))
      packets.append(bytes)
    }
    self.packets = packets
    expectation = Expectation(
      transcript: transcript,
      modelFingerprint: request.modelFingerprint.map { byte in
        String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
      }.joined(),
      codecFingerprint: FeatureCodec.fingerprint, splitLayer: request.splitLayer,
      codec: request.codec.name)
  }

  /// Writes NAME.packets, and NAME.json beside it.
  public func write(packetsPath: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let url = URL(fileURLWithPath: packetsPath)
    try packets.write(to: url, options: .atomic)
    try (encoder.encode(expectation) + Data("\n".utf8)).write(
      to: url.deletingPathExtension().appendingPathExtension("json"), options: .atomic)
  }
}
