import Foundation
import Kernels

/// Log-mel features from samples, streaming: however the samples are cut, the frames are the
/// same bit by bit (docs/model-format.md, "Features").
public struct LogMel {
  public let configuration: FeatureConfiguration
  private let window: [Double]
  private let filters: [Filter]
  private var pending: [Float] = []
  private var fourierIn: [Double]
  private var power: [Double]
  private var scratch: [Double]

  private struct Filter {
    var firstBin: Int
    var weights: [Double]
  }

  public init(_ configuration: FeatureConfiguration) {
    self.configuration = configuration
    let size = configuration.windowSamples
    window = (0..<size).map { 0.5 - 0.5 * cos(2 * .pi * Double($0) / Double(size)) }
    filters = Self.filters(configuration)
    fourierIn = Array(repeating: 0, count: configuration.fftSize)
    power = Array(repeating: 0, count: configuration.fftSize / 2 + 1)
    scratch = Array(repeating: 0, count: 2 * configuration.fftSize)
  }

  /// Triangles equally spaced on the HTK mel scale, their sides straight in hertz.
  private static func filters(_ c: FeatureConfiguration) -> [Filter] {
    func mel(_ hertz: Double) -> Double { 2595 * log10(1 + hertz / 700) }
    let low = mel(c.lowestHertz)
    let high = mel(c.highestHertz)
    let edges = (0..<(c.melBins + 2)).map { index in
      700 * (pow(10, (low + (high - low) * Double(index) / Double(c.melBins + 1)) / 2595) - 1)
    }
    return (0..<c.melBins).map { m in
      let weights = (0...(c.fftSize / 2)).map { bin -> Double in
        let f = Double(bin * c.sampleRate) / Double(c.fftSize)
        let rising = (f - edges[m]) / (edges[m + 1] - edges[m])
        let falling = (edges[m + 2] - f) / (edges[m + 2] - edges[m + 1])
        return max(0, min(rising, falling))
      }
      let first = weights.firstIndex { $0 > 0 } ?? 0
      let last = weights.lastIndex { $0 > 0 } ?? 0
      return Filter(firstBin: first, weights: Array(weights[first...last]))
    }
  }

  /// Takes samples at 16 kHz in [-1, 1]; returns the frames that they complete, `[n, melBins]`.
  public mutating func append(_ samples: some Collection<Float>) -> [Float] {
    pending.append(contentsOf: samples)
    var frames: [Float] = []
    var start = 0
    while pending.count - start >= configuration.windowSamples {
      appendFrame(at: start, to: &frames)
      start += configuration.hopSamples
    }
    pending.removeFirst(min(start, pending.count))
    return frames
  }

  /// The frames that the tail of silence completes; call once, at the utterance's end.
  public mutating func finish() -> [Float] {
    append(repeatElement(0, count: configuration.tailSamples))
  }

  private mutating func appendFrame(at start: Int, to frames: inout [Float]) {
    for i in 0..<configuration.windowSamples {
      fourierIn[i] = Double(pending[start + i]) * window[i]
    }
    tandem_power_spectrum_512(&fourierIn, &power, &scratch)
    for filter in filters {
      var energy = 0.0
      for (i, weight) in filter.weights.enumerated() {
        energy += weight * power[filter.firstBin + i]
      }
      frames.append(Float(log(max(energy, configuration.floor))))
    }
  }
}
