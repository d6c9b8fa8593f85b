import Audio
import Foundation

/// Adds a noise recording to speech at a signal-to-noise ratio (experiment 5).
public struct NoiseMixing: Sendable {
  /// 16 kHz samples.
  let noise: [Float]
  /// Decibels of speech above noise, by mean power over the whole utterance.
  public let decibels: Double

  /// - Throws: `AudioError`, or `NoiseMixingError` for a recording without any sound.
  public init(path: String, decibels: Double) throws {
    noise = try AudioReader.readAll(path: path)
    self.decibels = decibels
    guard noise.contains(where: { $0 != 0 }) else { throw NoiseMixingError.silent(path: path) }
  }

  init(noise: [Float], decibels: Double) {
    self.noise = noise
    self.decibels = decibels
  }

  /// The utterance with noise, as loud as before but for what the noise adds.
  ///
  /// - Parameter number: the utterance's, which decides where in the recording its noise begins, so that a run can be made again.
  public func mixed(_ samples: [Float], number: Int) -> [Float] {
    guard !samples.isEmpty else { return samples }
    let start = Int((UInt64(number) &* 0x9E37_79B9_7F4A_7C15) % UInt64(noise.count))
    var part = [Float](repeating: 0, count: samples.count)
    for index in part.indices { part[index] = noise[(start + index) % noise.count] }
    func power(_ values: [Float]) -> Double {
      values.reduce(0) { $0 + Double($1) * Double($1) } / Double(values.count)
    }
    let speech = power(samples)
    let other = power(part)
    guard speech > 0, other > 0 else { return samples }
    let gain = Float((speech / other / pow(10, decibels / 10)).squareRoot())
    return zip(samples, part).map { min(1, max(-1, $0 + gain * $1)) }
  }
}

public enum NoiseMixingError: Error, Equatable, CustomStringConvertible {
  case silent(path: String)

  public var description: String {
    switch self {
    case .silent(let path):
      "\(path) holds no sound, so no signal-to-noise ratio can be made of it; name another --noise"
    }
  }
}
