import Foundation

/// Cuts long audio into utterances at pauses, streaming, in bounded memory.
///
/// Energy decides: a 10 ms block is speech when it lies `margin` decibels above the noise floor, a
/// slow minimum of the energy. An utterance ends after `silenceSeconds` without speech; one that
/// would grow beyond `maximumSeconds` is cut at its quietest block of the last quarter. Every sample
/// comes out exactly once and in order.
public struct Endpointer: Sendable {
  public struct Segment: Sendable {
    /// Of its first sample, in seconds from the beginning.
    public var start: Double
    public var samples: [Float]
  }

  private let sampleRate: Int
  private let blockSamples: Int
  private let maximumBlocks: Int
  private let silenceBlocks: Int
  private let margin: Double
  private var floorDecibels = -60.0
  private var energies: [Double] = []
  private var samples: [Float] = []
  private var consumed = 0
  private var sawSpeech = false
  private var quietRun = 0

  public init(
    maximumSeconds: Double = 30, silenceSeconds: Double = 0.6, margin: Double = 10,
    sampleRate: Int = AudioReader.sampleRate
  ) {
    self.sampleRate = sampleRate
    blockSamples = sampleRate / 100
    maximumBlocks = max(100, Int(maximumSeconds * 100))
    silenceBlocks = max(1, Int(silenceSeconds * 100))
    self.margin = margin
  }

  /// Takes samples, returns the utterances that they complete.
  public mutating func append(_ new: some Collection<Float>) -> [Segment] {
    samples.append(contentsOf: new)
    var segments: [Segment] = []
    while samples.count >= (energies.count + 1) * blockSamples {
      let start = energies.count * blockSamples
      let level = Self.decibels(samples[start..<(start + blockSamples)])
      energies.append(level)
      // Down at once, up by 3 dB a second: a floor that speech does not lift.
      floorDecibels = min(max(level, -90), floorDecibels + 0.03)
      if level > floorDecibels + margin {
        sawSpeech = true
        quietRun = 0
      } else {
        quietRun += 1
      }
      if sawSpeech && quietRun >= silenceBlocks {
        segments.append(cut(blocks: energies.count))
      } else if energies.count >= maximumBlocks {
        let from = energies.count * 3 / 4
        let quietest = (from..<energies.count).min { energies[$0] < energies[$1] } ?? from
        segments.append(cut(blocks: quietest + 1))
      }
    }
    return segments
  }

  /// What is left at the end, if anything is.
  public mutating func finish() -> Segment? {
    guard !samples.isEmpty else { return nil }
    let segment = Segment(start: Double(consumed) / Double(sampleRate), samples: samples)
    samples = []
    energies = []
    return segment
  }

  private mutating func cut(blocks: Int) -> Segment {
    let count = blocks * blockSamples
    let segment = Segment(
      start: Double(consumed) / Double(sampleRate), samples: Array(samples.prefix(count)))
    samples.removeFirst(count)
    consumed += count
    energies.removeFirst(blocks)
    sawSpeech = energies.contains { $0 > floorDecibels + margin }
    quietRun = energies.reversed().prefix { $0 <= floorDecibels + margin }.count
    return segment
  }

  static func decibels(_ samples: ArraySlice<Float>) -> Double {
    var sum = 0.0
    for sample in samples { sum += Double(sample) * Double(sample) }
    return 10 * log10(sum / Double(max(1, samples.count)) + 1e-12)
  }
}
