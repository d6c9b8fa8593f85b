/// Where in a recording somebody speaks: what lies well before and behind is not recognized and not sent.
///
/// Levels decide, after a high-pass, against the recording's own noise. In doubt it is speech: a noise that comes and goes
/// is kept, and so is a recording without any pause.
public enum SpeechBounds {
  /// Decibels that even the loudest 50 ms of a steady noise do not rise above its quiet parts.
  static let steady = 5.0
  /// Loudest 50 ms, in decibels of full scale, below which there is nothing but the noise of a converter.
  static let inaudible = -72.0
  /// Blocks of 10 ms that must be loud together: a click is no speech.
  private static let leastRun = 4
  /// Blocks within `steady` decibels of each other that are a noise, however loud: no speech stays so level for so long.
  private static let steadyBlocks = 80

  /// - Parameters:
  ///   - samples: 16 kHz, of one utterance.
  ///   - margin: decibels above the noise that count as speech.
  ///   - padding: seconds kept before and behind speech.
  /// - Returns: the samples to keep; nil: nobody speaks.
  public static func find(
    _ samples: [Float], margin: Double = 9, padding: Double = 0.3,
    sampleRate: Int = AudioReader.sampleRate
  ) -> Range<Int>? {
    let levels = HighPass.levels(samples, sampleRate: sampleRate)
    // Too short to tell anything.
    guard levels.count >= 10 else { return samples.isEmpty ? nil : 0..<samples.count }
    let smooth = means(levels, over: 5)
    // The high-pass needs a moment to settle on a hum.
    let peak = smooth.dropFirst(6).max() ?? -120
    let floor = max(quantile(smooth, 0.1), -90)
    if peak < inaudible || peak - floor < steady { return nil }
    // Quiet sounds at a word's edge lie some 30 dB below its vowels.
    let threshold = max(min(floor + margin, peak - 6), peak - 45)
    var first: Int?
    var last = 0
    var run = 0
    let fine = means(levels, over: 3)
    let isNoise = steadyParts(smooth)
    for (index, level) in fine.enumerated() {
      run = level > threshold && !isNoise[index] ? run + 1 : 0
      guard run >= leastRun else { continue }
      if first == nil { first = index - run + 1 }
      last = index
    }
    guard let first else { return nil }
    let size = sampleRate / 100
    let kept = Int(padding * Double(sampleRate)) / size
    let begin = max(0, first - kept) * size
    let end = min(samples.count, (last + 1 + kept) * size)
    return begin..<max(end, begin + 1)
  }

  /// Whether each block lies in a part of `steadyBlocks` that keeps its level.
  private static func steadyParts(_ levels: [Double]) -> [Bool] {
    var isNoise = [Bool](repeating: false, count: levels.count)
    var end = 0
    for start in levels.indices where start + steadyBlocks <= levels.count {
      let part = levels[start..<(start + steadyBlocks)]
      guard let least = part.min(), let most = part.max(), most - least < steady else { continue }
      for index in max(start, end)..<(start + steadyBlocks) { isNoise[index] = true }
      end = start + steadyBlocks
    }
    return isNoise
  }

  /// Of each block with its neighbors.
  private static func means(_ levels: [Double], over width: Int) -> [Double] {
    levels.indices.map { index in
      let part = levels[max(0, index - width / 2)..<min(levels.count, index + width / 2 + 1)]
      return part.reduce(0, +) / Double(part.count)
    }
  }

  private static func quantile(_ values: [Double], _ share: Double) -> Double {
    let sorted = values.sorted()
    return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
  }
}
