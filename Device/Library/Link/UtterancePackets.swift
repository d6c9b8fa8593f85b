import FeatureCodec
import TandemProtocol

/// All packets of an utterance whose features are there: a pure function of the request.
struct UtterancePackets: Sendable {
  let all: [Tandem_V1_Packet]

  /// - Throws: `FeatureCodecError` when a feature is not finite.
  init(_ request: OffloadRequest) throws(FeatureCodecError) {
    var stream = try PacketStream(request.header)
    let features = try stream.append(request.features)
    all = [stream.start] + features + (try stream.finish())
  }
}
