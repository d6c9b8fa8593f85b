/// What the device does next with an utterance: the whole of it, in one value.
public enum Action: Hashable, Codable, Sendable {
  /// The transcript of this exit (its number, from 1) is the answer.
  case stop(exit: Int)
  /// Go on computing on the device, up to the next exit.
  case nextExit
  /// Ship features.
  /// - splitLayer: blocks computed on the device, 0 for none.
  /// - codec: index into `FeatureCodec.table`.
  /// - packetDuration: seconds of speech a packet.
  case offload(splitLayer: Int, codec: Int, packetDuration: Double)

  public var isOffload: Bool {
    if case .offload = self { true } else { false }
  }
}

extension Action: CustomStringConvertible {
  public var description: String {
    switch self {
    case .stop(let exit): "stop at exit \(exit)"
    case .nextExit: "go on to the next exit"
    case .offload(let layer, let codec, let duration):
      "offload at layer \(layer) with codec \(codec), \(Int((duration * 1000).rounded())) ms a packet"
    }
  }
}
