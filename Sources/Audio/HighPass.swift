import Foundation

/// A Butterworth high-pass of fourth order, before any level is measured: what lies below speech (DC, hum of the mains,
/// rumble) is neither speech nor a noise that hides it.
///
/// Two second-order sections (R. Bristow-Johnson, Audio EQ Cookbook). At 160 Hz it takes 40 dB off 50 Hz and 34 dB off 60 Hz.
public struct HighPass: Sendable {
  private struct Section {
    var b0: Double
    var b1: Double
    var b2: Double
    var a1: Double
    var a2: Double
    var z1 = 0.0
    var z2 = 0.0

    init(quality: Double, frequency: Double) {
      let alpha = sin(frequency) / (2 * quality)
      let a0 = 1 + alpha
      b0 = (1 + cos(frequency)) / 2 / a0
      b1 = -2 * b0
      b2 = b0
      a1 = -2 * cos(frequency) / a0
      a2 = (1 - alpha) / a0
    }

    mutating func filter(_ x: Double) -> Double {
      let y = b0 * x + z1
      z1 = b1 * x - a1 * y + z2
      z2 = b2 * x - a2 * y
      return y
    }

    /// As after an input of `x` for ever.
    mutating func settle(at x: Double) {
      z1 = -b0 * x
      z2 = b2 * x
    }
  }

  private var first: Section
  private var second: Section
  private var hasBegun = false

  /// - Parameter hertz: where 3 dB are lost.
  public init(hertz: Double = 160, sampleRate: Int = AudioReader.sampleRate) {
    let frequency = 2 * Double.pi * hertz / Double(sampleRate)
    first = Section(quality: 0.541_196_1, frequency: frequency)
    second = Section(quality: 1.306_563, frequency: frequency)
  }

  /// The mean power of the next samples, filtered.
  public mutating func power(_ samples: some Collection<Float>) -> Double {
    guard let start = samples.first else { return 0 }
    if !hasBegun {
      hasBegun = true
      // A constant offset has no beginning.
      first.settle(at: Double(start))
    }
    var sum = 0.0
    for sample in samples {
      let value = second.filter(first.filter(Double(sample)))
      sum += value * value
    }
    return sum / Double(samples.count)
  }

  /// The same in decibels of full scale.
  public mutating func decibels(_ samples: some Collection<Float>) -> Double {
    10 * log10(power(samples) + 1e-12)
  }

  /// Levels of whole blocks of 10 ms.
  static func levels(_ samples: [Float], sampleRate: Int = AudioReader.sampleRate) -> [Double] {
    let size = sampleRate / 100
    var filter = HighPass(sampleRate: sampleRate)
    return (0..<(samples.count / size)).map {
      filter.decibels(samples[($0 * size)..<(($0 + 1) * size)])
    }
  }
}
