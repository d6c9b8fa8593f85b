import Conformer
import FeatureCodec
import Foundation
import TandemProtocol

@testable import TandemDevice

/// An utterance's packets, right in every field until a test changes one.
enum TestUtterance {
  static func request(
    seconds: Double = 1.5, splitLayer: Int = 0, codec: Int = 0, model name: String = "characters",
    packetDuration: Double = 0.32, deadline: Double = 60, seed: UInt64 = 1
  ) throws -> OffloadRequest {
    let model = try TestEdge.model(name)
    let encoder = UtteranceEncoder(model: model, depth: splitLayer)
    encoder.append(samples: Sound.bursts(seconds: seconds, seed: seed))
    encoder.finish()
    return OffloadRequest(
      model: model, splitLayer: splitLayer, codec: try FeatureCodec.at(codec),
      features: encoder.frames(at: splitLayer), packetDuration: packetDuration, deadline: deadline)
  }

  static func packets(
    seconds: Double = 1.5, splitLayer: Int = 0, codec: Int = 0, packetDuration: Double = 0.32,
    deadline: Double = 60
  ) throws -> [Tandem_V1_Packet] {
    try UtterancePackets(
      request(
        seconds: seconds, splitLayer: splitLayer, codec: codec, packetDuration: packetDuration,
        deadline: deadline)
    ).all
  }
}
