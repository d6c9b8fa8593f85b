import Basics
import FeatureCodec
import Models
import TandemProtocol

/// What the device asks of the edge for one utterance.
public struct OffloadRequest: Sendable {
  public var splitLayer: Int
  public var codec: FeatureCodec
  /// `[n, dimension]`.
  public var features: [Float]
  public var dimension: Int
  public var framesPerPacket: Int
  public var modelFingerprint: [UInt8]
  public var utteranceID: [UInt8]
  /// Seconds from now.
  public var deadline: Double
  /// What a budget lets the stream send and receive on the wire; nil: as much as it takes.
  public var grantedBytes: Double?

  init(_ header: OffloadHeader, features: [Float]) {
    grantedBytes = header.grantedBytes
    splitLayer = header.splitLayer
    codec = header.codec
    self.features = features
    dimension = header.dimension
    framesPerPacket = header.framesPerPacket
    modelFingerprint = header.modelFingerprint
    utteranceID = header.utteranceID
    deadline = header.deadline
  }

  /// Everything but the features.
  var header: OffloadHeader {
    OffloadHeader(
      splitLayer: splitLayer, codec: codec, dimension: dimension,
      framesPerPacket: framesPerPacket, modelFingerprint: modelFingerprint,
      utteranceID: utteranceID, deadline: deadline, grantedBytes: grantedBytes)
  }

  /// - Parameters:
  ///   - features: `[n, dimension]` of `splitLayer`, as `SpeechEncoder.frames(at:)` gives them.
  ///   - packetDuration: seconds of features in a packet.
  ///   - utteranceID: 16 bytes; nil: random ones.
  ///   - deadline: seconds that the edge may take.
  public init(
    model: any SpeechModel, splitLayer: Int, codec: FeatureCodec, features: [Float],
    packetDuration: Double = 0.32, utteranceID: [UInt8]? = nil, deadline: Double
  ) {
    self.init(
      OffloadHeader(
        splitLayer: splitLayer, codec: codec, dimension: model.dimension,
        framesPerPacket: Packetiser.framesPerPacket(
          duration: packetDuration, framesPerSecond: model.framesPerSecond),
        modelFingerprint: [UInt8](hexadecimal: model.fingerprint),
        utteranceID: utteranceID
          ?? (0..<ProtocolLimits.utteranceIDBytes).map { _ in .random(in: 0...255) },
        deadline: deadline), features: features)
  }
}
