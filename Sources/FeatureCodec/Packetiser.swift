/// Cuts a growing sequence of frames into packets of a fixed number of frames; the last is shorter.
///
/// The packets do not depend on how the frames arrive, only on their sequence.
public struct Packetiser: Sendable {
  public let encoder: FeatureEncoder
  /// Frames in every packet but the last.
  public let framesPerPacket: Int
  private var pending: [Float] = []
  private var nextFrame = 0

  /// - Throws: `FeatureCodecError.notPositive` for fewer than one frame a packet.
  public init(encoder: FeatureEncoder, framesPerPacket: Int) throws(FeatureCodecError) {
    guard framesPerPacket > 0 else {
      throw .notPositive(what: "the number of frames a packet", value: framesPerPacket)
    }
    self.encoder = encoder
    self.framesPerPacket = framesPerPacket
  }

  /// Frames that last about `duration` seconds, at least one.
  /// - Parameter framesPerSecond: the encoder's frame rate, 25 after 4x subsampling.
  public static func framesPerPacket(duration: Double, framesPerSecond: Double) -> Int {
    let frames = (duration * framesPerSecond).rounded()
    // Comparisons with NaN are false: what makes no sense becomes one frame.
    return frames >= 1 ? Int(min(frames, 1e9)) : 1
  }

  /// Frames taken in so far, whether or not their packet is full.
  public var frameCount: Int { nextFrame + pending.count / encoder.dimension }

  /// Takes in whole frames, `[count, dimension]` row-major, and returns the packets that became full.
  /// - Throws: `partialFrame` or `nonFiniteFeature` (its frame counted in the utterance); the packetiser
  ///   is then as it was before the call.
  public mutating func append(_ frames: [Float]) throws(FeatureCodecError) -> [FeaturePacket] {
    let dimension = encoder.dimension
    guard frames.count % dimension == 0 else {
      throw .partialFrame(values: frames.count, dimension: dimension)
    }
    if let position = frames.firstIndex(where: { !$0.isFinite }) {
      throw .nonFiniteFeature(
        frame: frameCount + position / dimension, column: position % dimension)
    }
    pending += frames
    let valuesPerPacket = framesPerPacket * dimension
    var packets: [FeaturePacket] = []
    var start = 0
    while pending.count - start >= valuesPerPacket {
      let values = Array(pending[start..<start + valuesPerPacket])
      packets.append(try packet(values))
      start += valuesPerPacket
    }
    pending.removeFirst(start)
    return packets
  }

  /// The frames that are left, as a last packet; nil if none are. The packetiser is then at its start
  /// again, ready for another utterance.
  public mutating func finish() throws(FeatureCodecError) -> FeaturePacket? {
    defer {
      pending = []
      nextFrame = 0
    }
    return pending.isEmpty ? nil : try packet(pending)
  }

  private mutating func packet(_ values: [Float]) throws(FeatureCodecError) -> FeaturePacket {
    let count = values.count / encoder.dimension
    let packet = FeaturePacket(
      firstFrame: nextFrame, frameCount: count, payload: try encoder.encode(frames: values))
    nextFrame += count
    return packet
  }
}
