/// One channel of several: their mean, or, where they cancel each other, the loudest.
///
/// A microphone whose wires are swapped records the same sound with the other sign, and the mean of both is silence. Once
/// that shows, one channel is taken for good.
struct ChannelMixer {
  /// A mean this much weaker than its channels (power) is no chance: independent ones keep one part in their number.
  private static let cancelled: Float = 0.02
  /// Mean square below which nothing is told of anything.
  private static let silence: Float = 1e-8
  private var chosen: Int?

  mutating func mono(_ block: [Float], frames: Int, channels: Int) -> [Float] {
    guard channels > 1 else { return Array(block.prefix(frames)) }
    if let chosen { return (0..<frames).map { block[$0 * channels + chosen] } }
    var mono = [Float](repeating: 0, count: frames)
    var power = [Float](repeating: 0, count: channels)
    var mixed: Float = 0
    let scale = 1 / Float(channels)
    for frame in 0..<frames {
      var sum: Float = 0
      for channel in 0..<channels {
        let value = block[frame * channels + channel]
        sum += value
        power[channel] += value * value
      }
      mono[frame] = sum * scale
      mixed += mono[frame] * mono[frame]
    }
    let total = power.reduce(0, +)
    // Channels that are silent anyway do not count.
    let loud = power.filter { $0 > total * 0.05 }.count
    guard channels <= 8, loud > 1, total * scale > Self.silence * Float(frames),
      mixed * Float(channels * channels) < Self.cancelled * total * Float(loud),
      let loudest = power.indices.max(by: { power[$0] < power[$1] })
    else { return mono }
    chosen = loudest
    return (0..<frames).map { block[$0 * channels + loudest] }
  }
}
