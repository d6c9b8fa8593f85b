import FeatureCodec
import TandemProtocol

/// What the edge is told of an utterance before its first feature.
struct OffloadHeader: Sendable {
  var splitLayer: Int
  var codec: FeatureCodec
  /// Values in a frame.
  var dimension: Int
  var framesPerPacket: Int
  /// 32 bytes.
  var modelFingerprint: [UInt8]
  /// 16 bytes.
  var utteranceID: [UInt8]
  /// Seconds from now; of a stream whose length is not known, the longest that it can take.
  var deadline: Double
  /// What a budget lets the stream send and receive on the wire; nil: as much as it takes.
  var grantedBytes: Double?
  /// Of the whole utterance; nil while the user still speaks.
  var frames: Int?
  /// The model's.
  var framesPerSecond = Double(ProtocolLimits.framesPerSecond)
}
