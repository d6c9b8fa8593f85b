import Foundation
import Tensors

/// Whisper's features: log-mel energies of 10 ms frames, scaled by the loudest of the window (2212.04356, section 2.2).
///
/// 400 samples under a periodic Hann window, centered on every 160th sample with the ends mirrored; the power of 201 bins; triangular
/// filters on Slaney's mel scale with equal areas; log10, at most 8 below the maximum, then (x + 4) / 4.
struct LogMelSpectrogram: Sendable {
  private static let sampleRate = WhisperConfiguration.sampleRate
  private static let windowSamples = WhisperConfiguration.windowSamples
  private static let hopSamples = WhisperConfiguration.hopSamples
  private static let bins = windowSamples / 2 + 1

  let melBins: Int
  /// Of the folded, windowed frame: `[201, 201]` and `[199, 199]`, columns the frequencies.
  private let cosines: [Double]
  private let sines: [Double]
  private let window: [Double]
  /// `[melBins]`: first bin, and the weights from there.
  private let filters: [(first: Int, weights: [Double])]

  init(melBins: Int) {
    self.melBins = melBins
    let n = Self.windowSamples
    let bins = Self.bins
    window = (0..<n).map { 0.5 - 0.5 * cos(2 * .pi * Double($0) / Double(n)) }
    func angle(_ i: Int, _ k: Int) -> Double { 2 * .pi * Double(i * k % n) / Double(n) }
    cosines = (0..<bins).flatMap { i in (0..<bins).map { k in cos(angle(i, k)) } }
    sines = (1..<(bins - 1)).flatMap { i in (1..<(bins - 1)).map { k in sin(angle(i, k)) } }
    filters = Self.filters(melBins)
  }

  /// Hertz to Slaney's mel: linear below 1 kHz, logarithmic above.
  static func mel(hertz: Double) -> Double {
    hertz < 1_000 ? hertz / (200.0 / 3) : 15 + log(hertz / 1_000) / (log(6.4) / 27)
  }

  static func hertz(mel: Double) -> Double {
    mel < 15 ? mel * (200.0 / 3) : 1_000 * exp((log(6.4) / 27) * (mel - 15))
  }

  private static func filters(_ count: Int) -> [(first: Int, weights: [Double])] {
    let highest = mel(hertz: Double(sampleRate) / 2)
    let edges = (0..<(count + 2)).map { hertz(mel: highest * Double($0) / Double(count + 1)) }
    return (0..<count).map { m in
      let weights = (0..<bins).map { bin -> Double in
        let f = Double(bin * sampleRate) / Double(windowSamples)
        let rising = (f - edges[m]) / (edges[m + 1] - edges[m])
        let falling = (edges[m + 2] - f) / (edges[m + 2] - edges[m + 1])
        return max(0, min(rising, falling)) * 2 / (edges[m + 2] - edges[m])
      }
      guard let first = weights.firstIndex(where: { $0 > 0 }),
        let last = weights.lastIndex(where: { $0 > 0 })
      else { return (0, []) }
      return (first, Array(weights[first...last]))
    }
  }

  /// Frames `[samples / 160, melBins]` of a whole window, at least 201 samples.
  func frames(_ samples: [Float]) -> [Float] {
    let n = Self.windowSamples
    let half = n / 2
    precondition(samples.count > half, "a window must be longer than the mirrored ends")
    let count = samples.count / Self.hopSamples
    let bins = Self.bins
    var even = [Double](repeating: 0, count: count * bins)
    var odd = [Double](repeating: 0, count: count * (bins - 2))
    // A real signal's transform is cosines of its even half and sines of its odd half: a quarter of the products.
    for frame in 0..<count {
      let start = frame * Self.hopSamples - half
      func sample(_ i: Int) -> Double {
        var at = start + i
        if at < 0 { at = -at }
        if at >= samples.count { at = 2 * (samples.count - 1) - at }
        return Double(samples[at]) * window[i]
      }
      even[frame * bins] = sample(0)
      even[frame * bins + half] = sample(half)
      for i in 1..<half {
        let a = sample(i)
        let b = sample(n - i)
        even[frame * bins + i] = a + b
        odd[frame * (bins - 2) + i - 1] = a - b
      }
    }
    var real = [Double](repeating: 0, count: count * bins)
    var imaginary = [Double](repeating: 0, count: count * (bins - 2))
    matrixProduct(even, cosines, into: &real, rows: count, columns: bins, inner: bins)
    matrixProduct(odd, sines, into: &imaginary, rows: count, columns: bins - 2, inner: bins - 2)
    for frame in 0..<count {
      for k in 0..<bins {
        let r = real[frame * bins + k]
        let i = k == 0 || k == bins - 1 ? 0 : imaginary[frame * (bins - 2) + k - 1]
        real[frame * bins + k] = r * r + i * i
      }
    }
    var out = [Float](repeating: 0, count: count * melBins)
    var loudest = -Float.infinity
    for frame in 0..<count {
      for (m, filter) in filters.enumerated() {
        var energy = 0.0
        let at = frame * bins + filter.first
        for (i, weight) in filter.weights.enumerated() { energy += weight * real[at + i] }
        let value = Float(log10(max(energy, 1e-10)))
        out[frame * melBins + m] = value
        loudest = max(loudest, value)
      }
    }
    for i in out.indices { out[i] = (max(out[i], loudest - 8) + 4) / 4 }
    return out
  }
}
