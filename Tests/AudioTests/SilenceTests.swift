import Foundation
import Testing

@testable import Audio

@Suite("Levels, endpoints and silence")
struct SilenceTests {
  /// Bursts of noise of half a second with pauses of `pause` seconds, at `level` (1 is full scale).
  private func speech(bursts: Int, pause: Double = 1, level: Float = 0.2) -> [Float] {
    var random = SystemRandomNumberGenerator()
    return (0..<bursts).flatMap { _ in
      (0..<8_000).map { _ in Float.random(in: -level...level, using: &random) }
        + (0..<Int(pause * 16_000)).map { _ in Float.random(in: -1e-3...1e-3, using: &random) }
    }
  }

  private func hum(_ count: Int, hertz: Double, amplitude: Float, offset: Float = 0) -> [Float] {
    (0..<count).map {
      offset + amplitude * Float(sin(2 * .pi * hertz * Double($0) / 16_000))
    }
  }

  @Test(
    "The high-pass takes DC and hum and leaves speech",
    arguments: [(50.0, -38.0), (60, -32), (100, -14)])
  func highPass(hertz: Double, most: Double) {
    var filter = HighPass()
    _ = filter.power(hum(16_000, hertz: hertz, amplitude: 1))
    let level = filter.decibels(hum(16_000, hertz: hertz, amplitude: 1))
    // A full sine is -3 dB.
    #expect(level < most - 3)
    var other = HighPass()
    _ = other.power(hum(16_000, hertz: 500, amplitude: 1))
    #expect(abs(other.decibels(hum(16_000, hertz: 500, amplitude: 1)) + 3) < 0.3)
    var constant = HighPass()
    #expect(constant.decibels([Float](repeating: 0.5, count: 1_600)) < -100)
  }

  @Test("DC and hum neither cut sentences nor join them")
  func endpoints() {
    let clean = speech(bursts: 6)
    func cuts(_ samples: [Float]) -> [Int] {
      var endpointer = Endpointer(maximumSeconds: 30, silenceSeconds: 0.6, margin: 9)
      var segments = endpointer.append(samples)
      if let last = endpointer.finish() { segments.append(last) }
      #expect(segments.reduce(0) { $0 + $1.samples.count } == samples.count)
      return segments.map(\.samples.count)
    }
    let expected = cuts(clean)
    #expect(expected.count >= 6)
    for (hertz, amplitude, offset) in [
      (50.0, 0.05, 0.0), (60, 0.05, 0), (50, 0, 0.3), (50, 0.02, -0.2),
    ] {
      let dirt = hum(
        clean.count, hertz: hertz, amplitude: Float(amplitude), offset: Float(offset))
      let found = cuts(zip(clean, dirt).map { $0 + $1 })
      #expect(found.count == expected.count, "\(hertz) Hz, \(amplitude), offset \(offset)")
      for (a, b) in zip(found, expected) { #expect(abs(a - b) <= 1_600) }
    }
  }

  @Test("Cuts are found within seconds in a noisy room")
  func noisyRoom() {
    var random = SystemRandomNumberGenerator()
    let samples = speech(bursts: 8).map { $0 + Float.random(in: -0.03...0.03, using: &random) }
    var endpointer = Endpointer(maximumSeconds: 30, silenceSeconds: 0.6, margin: 9)
    #expect(endpointer.append(samples).count >= 6)
  }

  @Test("Silence, hiss, hum and DC are no speech", arguments: [0.2, 0.5, 1, 5, 30])
  func nothing(seconds: Double) {
    let count = Int(seconds * 16_000)
    var random = SystemRandomNumberGenerator()
    func hiss(_ amplitude: Float) -> [Float] {
      (0..<count).map { _ in Float.random(in: -amplitude...amplitude, using: &random) }
    }
    for (name, samples) in [
      ("digital silence", [Float](repeating: 0, count: count)), ("hiss", hiss(0.0017)),
      ("loud hiss", hiss(0.017)), ("hum", hum(count, hertz: 50, amplitude: 0.1)),
      ("DC", [Float](repeating: 0.3, count: count)),
      ("hum with DC", hum(count, hertz: 60, amplitude: 0.05, offset: 0.1)),
    ] {
      #expect(SpeechBounds.find(samples) == nil, "\(name), \(seconds) s")
    }
  }

  @Test("Whatever stands around speech, the same of it is kept")
  func padding() throws {
    let spoken = speech(bursts: 3, pause: 0.25)
    let quiet = [Float](repeating: 0, count: 8_000)
    let alone = quiet + spoken + quiet
    let expected = try #require(SpeechBounds.find(alone))
    #expect(expected.count < alone.count)
    for seconds in [1.0, 5, 10, 30] {
      var random = SystemRandomNumberGenerator()
      let count = Int(seconds * 16_000)
      for amplitude: Float in [0, 0.0017] {
        let pad = (0..<count).map { _ in
          amplitude == 0 ? 0 : Float.random(in: -amplitude...amplitude, using: &random)
        }
        for (before, samples) in [
          (count, pad + alone), (0, alone + pad), (count, pad + alone + pad),
        ] {
          let found = try #require(SpeechBounds.find(samples))
          #expect(abs(found.lowerBound - before - expected.lowerBound) <= 480)
          #expect(abs(found.count - expected.count) <= 960, "\(seconds) s at \(amplitude)")
        }
      }
    }
  }

  @Test("A recording without a pause is kept whole; so is one too short to tell")
  func noPause() {
    let samples = (0..<32_000).map { index -> Float in
      // Syllables, four a second, twelve decibels deep.
      let depth = 0.25 + 0.75 * abs(Float(sin(Double(index) * .pi / 4_000)))
      return Float.random(in: -0.3...0.3) * depth
    }
    #expect(SpeechBounds.find(samples).map { $0.count > 31_000 } == true)
    #expect(SpeechBounds.find([0.1]) == 0..<1)
    #expect(SpeechBounds.find([]) == nil)
  }
}
