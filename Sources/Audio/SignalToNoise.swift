import Foundation

/// A rough signal-to-noise ratio: the distance between the loud and the quiet 10 ms blocks.
///
/// Without what lies below speech (`HighPass`). The 95th percentile of the block energies stands for speech plus noise and the 10th for
/// noise. Without a pause it says too little; the decision log calls it an estimate.
public enum SignalToNoise {
  /// Decibels, 0 to 60; nil for fewer than ten blocks (0.1 s) or digital silence.
  public static func estimate(_ samples: [Float], sampleRate: Int = AudioReader.sampleRate)
    -> Double?
  {
    let levels = HighPass.levels(samples, sampleRate: sampleRate).sorted()
    let blocks = levels.count
    guard blocks >= 10 else { return nil }
    let loud = levels[min(blocks - 1, blocks * 95 / 100)]
    let quiet = levels[blocks / 10]
    guard loud > -100 else { return nil }
    let noise = pow(10, quiet / 10)
    let speech = max(pow(10, loud / 10) - noise, noise * 1e-6)
    return min(60, max(0, 10 * log10(speech / noise)))
  }
}
