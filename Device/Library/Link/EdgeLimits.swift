import TandemProtocol

/// What the edge has said that it takes, so that nothing is sent which it must refuse. Unknown before it was asked: then
/// everything is tried.
struct EdgeLimits: Sendable, Equatable {
  private var seconds = Int.max
  private var packets = Int.max
  private var bytes = Int.max
  /// nil: any.
  private(set) var splitLayers: Set<Int>?

  static let unknown = EdgeLimits()

  private init() {}

  init(_ description: Tandem_V1_Description) {
    // 0 is what a field that was not sent reads as.
    func limit(_ value: UInt32) -> Int { value == 0 ? .max : Int(value) }
    seconds = limit(description.limits.secondsPerUtterance)
    packets = limit(description.limits.packetsPerUtterance)
    bytes = limit(description.limits.bytesPerUtterance)
    if !description.splitLayers.isEmpty {
      splitLayers = Set(description.splitLayers.map { Int($0.layer) })
    }
  }

  /// Why an utterance of so many frames would be refused; nil: it would not.
  ///
  /// - Parameter framesPerSecond: the model's.
  func objection(
    frames: Int, bytesPerFrame: Int, framesPerPacket: Int, framesPerSecond: Double
  ) -> String? {
    // With the silence that a model appends.
    let tail = Double(ProtocolLimits.tailFrames) / Double(ProtocolLimits.framesPerSecond)
    if Double(frames) > (Double(seconds) + tail) * framesPerSecond {
      return "the edge takes utterances of \(seconds) s"
    }
    if (frames + framesPerPacket - 1) / max(1, framesPerPacket) > packets {
      return "the edge takes \(packets) packets an utterance"
    }
    if frames.multipliedReportingOverflow(by: bytesPerFrame).partialValue > bytes {
      return "the edge takes \(bytes) bytes an utterance"
    }
    return nil
  }
}
