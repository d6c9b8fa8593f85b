import Foundation

/// Cuts long audio into utterances at pauses, streaming, in bounded memory.
///
/// Energy decides, after a high-pass: a 10 ms block is speech when it lies `margin` decibels above the noise floor, the least
/// of the last two seconds. An utterance ends after `silenceSeconds` without speech; one that
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
  private var filter: HighPass
  private var floor = NoiseFloor()
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
    filter = HighPass(sampleRate: sampleRate)
  }

  /// Takes samples, returns the utterances that they complete.
  public mutating func append(_ new: some Collection<Float>) -> [Segment] {
    samples.append(contentsOf: new)
    var segments: [Segment] = []
    while samples.count >= (energies.count + 1) * blockSamples {
      let start = energies.count * blockSamples
      let level = filter.decibels(samples[start..<(start + blockSamples)])
      energies.append(level)
      if level > floor.append(level) + margin {
        sawSpeech = true
        quietRun = 0
      } else {
        quietRun += 1
      }
      if !sawSpeech, quietRun >= silenceBlocks, let noise = floor.decibels {
        // Speech from the very first sample on is known for that when it has ended.
        sawSpeech = energies.contains { $0 > noise + margin }
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
    let threshold = (floor.decibels ?? 0) + margin
    sawSpeech = energies.contains { $0 > threshold }
    quietRun = energies.reversed().prefix { $0 <= threshold }.count
    return segment
  }
}
