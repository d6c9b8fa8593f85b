import Foundation
import Testing

@testable import Audio

let standardFeatures = FeatureConfiguration(
  sampleRate: 16_000, windowSamples: 400, hopSamples: 160, fftSize: 512, melBins: 80,
  lowestHertz: 20, highestHertz: 7_600, floor: 1e-6, priorFrames: 100, maximumFrames: 3_000,
  tailSamples: 3_200)

@Suite("Features")
struct FeatureTests {
  @Test("However samples are cut, the frames are the same bits")
  func cutting() {
    let samples = tone(523, seconds: 1.1, rate: 16_000).map { $0 + .random(in: -0.01...0.01) }
    var whole = LogMel(standardFeatures)
    let expected = whole.append(samples) + whole.finish()
    #expect(expected.count / 80 == 1 + (samples.count + 3_200 - 400) / 160)
    for size in [1, 17, 160, 401, 5_000] {
      var cut = LogMel(standardFeatures)
      var frames: [Float] = []
      for start in stride(from: 0, to: samples.count, by: size) {
        frames += cut.append(samples[start..<min(start + size, samples.count)])
      }
      #expect(frames + cut.finish() == expected)
    }
  }

  @Test("A tone's energy lies in the filter that holds it")
  func tonePeak() {
    var logMel = LogMel(standardFeatures)
    let frame = Array(logMel.append(tone(1_000, seconds: 0.05, rate: 16_000)).prefix(80))
    let peak = frame.indices.max { frame[$0] < frame[$1] }!
    let low = 2595 * log10(1 + 20.0 / 700)
    let high = 2595 * log10(1 + 7_600.0 / 700)
    let position = (2595 * log10(1 + 1_000.0 / 700) - low) / (high - low) * 81 - 1
    #expect(abs(Double(peak) - position) < 1)
  }

  @Test func silenceIsTheFloor() {
    var logMel = LogMel(standardFeatures)
    #expect(logMel.append([Float](repeating: 0, count: 400)).allSatisfy { $0 == Float(log(1e-6)) })
  }

  @Test("The running mean follows its recursion, and its weight stops growing")
  func normalization() {
    var configuration = standardFeatures
    configuration.melBins = 1
    configuration.priorFrames = 2
    configuration.maximumFrames = 4
    var running = RunningNormalization(
      mean: [1], standardDeviation: [2], configuration: configuration)
    var frames: [Float] = [4, 8, 0, 2]
    running.apply(&frames)
    // Means: 1 + 3/3 = 2; 2 + 6/4 = 3.5; 3.5 - 3.5/4 = 2.625; 2.625 - 0.625/4 = 2.46875.
    #expect(frames == [1, 2.25, -1.3125, -0.234375])
  }
}

@Suite("Endpointing")
struct EndpointerTests {
  /// Speech-like noise bursts of `seconds` between silences.
  func bursts(_ seconds: [Double], pause: Double) -> [Float] {
    seconds.flatMap { length in
      (0..<Int(length * 16_000)).map { _ in Float.random(in: -0.3...0.3) }
        + (0..<Int(pause * 16_000)).map { _ in Float.random(in: -0.0005...0.0005) }
    }
  }

  @Test("Every sample comes out once, in order, and no utterance is too long")
  func lossless() {
    let samples = bursts([1, 3, 12, 0.4], pause: 1)
    var endpointer = Endpointer(maximumSeconds: 5)
    var segments: [Endpointer.Segment] = []
    for start in stride(from: 0, to: samples.count, by: 1_234) {
      segments += endpointer.append(samples[start..<min(start + 1_234, samples.count)])
    }
    if let last = endpointer.finish() { segments.append(last) }
    #expect(segments.flatMap(\.samples) == samples)
    #expect(segments.allSatisfy { $0.samples.count <= 5 * 16_000 })
    #expect(segments.count >= 4)
    var at = 0
    for segment in segments {
      #expect(Int((segment.start * 16_000).rounded()) == at)
      at += segment.samples.count
    }
  }

  @Test("A pause ends an utterance")
  func pauses() {
    var endpointer = Endpointer()
    let segments = endpointer.append(bursts([1, 1, 1], pause: 1))
    #expect(segments.count == 3)
  }
}

@Suite("Signal-to-noise estimate")
struct SignalToNoiseTests {
  @Test func growsWithTheSignal() throws {
    let noise = (0..<32_000).map { _ in Float.random(in: -0.01...0.01) }
    func mixed(_ gain: Float) -> [Float] {
      noise.enumerated().map { $1 + ($0 / 8_000 % 2 == 0 ? gain * sin(Float($0) * 0.3) : 0) }
    }
    let quiet = try #require(SignalToNoise.estimate(mixed(0.02)))
    let loud = try #require(SignalToNoise.estimate(mixed(0.5)))
    #expect(loud > quiet + 20)
    #expect(SignalToNoise.estimate([0, 0, 0]) == nil)
  }
}
