import Foundation
import Offload
import Testing

@Suite struct CalibrationTests {
  /// Utterances whose errors grow with entropy at exit 1 and less so at exit 2; the edge is better.
  static func samples(seed: UInt64, count: Int = 400) -> [CalibrationSample] {
    var generator = SplitMix(seed: seed)
    return (0..<count).flatMap { index -> [CalibrationSample] in
      let hardness = Double.random(in: 0...1, using: &generator)
      let words = Int.random(in: 3...20, using: &generator)
      func errors(_ rate: Double) -> Int {
        (0..<words).filter { _ in Double.random(in: 0...1, using: &generator) < rate }.count
      }
      let edge = errors(hardness * 0.2)
      return (1...2).map { exit in
        CalibrationSample(
          utterance: "u\(index)", exit: exit, afterBlock: 2 * exit,
          confidence: hardness / Double(exit) + Double.random(in: 0...0.1, using: &generator),
          wordErrors: errors(hardness * hardness * 0.8 / Double(exit)), referenceWords: words,
          edgeWordErrors: edge)
      }
    }
  }

  /// By hand, with the sums written out.
  @Test func theThresholdWithTheLargestWorth() {
    // Confidence 1...5; this exit's errors 0 1 0 3 0; the edge's 0 1 1 0 1.
    let errors = [(0, 0), (1, 1), (0, 1), (3, 0), (0, 1)]
    let samples = errors.enumerated().map { index, pair in
      CalibrationSample(
        utterance: "\(index)", exit: 1, afterBlock: 2, confidence: Double(index + 1),
        wordErrors: pair.0, referenceWords: 10, edgeWordErrors: pair.1)
    }
    func threshold(_ price: Double, _ minimum: Int = 1) -> Double? {
      ThresholdFit(offloadPrice: price, minimumAccepted: minimum)
        .fitThresholds(samples: samples, criterion: .frameEntropy, manifest: "m")[0].threshold
    }
    // Edge minus exit, summed: 0 0 1 -2 -1.
    #expect(threshold(0) == 3)
    #expect(threshold(0.9) == 3)  // 3.7 at three, 3.5 at five
    #expect(threshold(1) == 5)  // 4 at three and at five: the loosest
    #expect(threshold(0, 4) == nil)  // negative at four and at five
    #expect(threshold(0.2, 4) == 5)  // 0 at five
  }

  @Test func equalConfidencesAreAcceptedTogetherOrNotAtAll() {
    let samples = [(0.1, 0), (0.2, 0), (0.2, 5)].enumerated().map { index, pair in
      CalibrationSample(
        utterance: "\(index)", exit: 1, afterBlock: 2, confidence: pair.0, wordErrors: pair.1,
        referenceWords: 10, edgeWordErrors: 0)
    }
    let fit = ThresholdFit(offloadPrice: 0, minimumAccepted: 1)
    let entry = fit.fitThresholds(samples: samples, criterion: .frameEntropy, manifest: "m")[0]
    #expect(entry.threshold == 0.1)
    #expect(entry.accepted == 1)
  }

  /// No other threshold is worth more, counted again from outside.
  @Test(arguments: 0..<20) func noOtherThresholdIsWorthMore(seed: Int) throws {
    let samples = Self.samples(seed: UInt64(seed))
    let fit = ThresholdFit()
    var gone: Set<String> = []
    for entry in fit.fitThresholds(samples: samples, criterion: .frameEntropy, manifest: "dev") {
      let reaching = samples.filter { $0.exit == entry.exit && !gone.contains($0.utterance) }
      #expect(entry.reached == reaching.count)
      #expect(entry.manifest == "dev")
      #expect(entry.utterances == 400)
      func accepted(_ threshold: Double) -> [CalibrationSample] {
        reaching.filter { $0.confidence <= threshold }
      }
      func worth(_ accepted: [CalibrationSample]) -> Double {
        Double(accepted.reduce(0) { $0 + $1.edgeWordErrors - $1.wordErrors })
          + fit.offloadPrice * Double(accepted.count)
      }
      let others = reaching.map { accepted($0.confidence) }
        .filter { $0.count >= fit.minimumAccepted }.map(worth)
      guard let threshold = entry.threshold else {
        #expect(others.allSatisfy { $0 < 0 })
        #expect(entry.accepted == 0)
        continue
      }
      let own = accepted(threshold)
      #expect(own.count == entry.accepted)
      #expect(others.allSatisfy { $0 <= worth(own) + 1e-9 })
      let words = own.reduce(0) { $0 + $1.referenceWords }
      #expect(
        entry.acceptedErrorRate == Double(own.reduce(0) { $0 + $1.wordErrors }) / Double(words))
      gone.formUnion(own.map(\.utterance))
    }
    #expect(!gone.isEmpty)
  }

  @Test(arguments: 0..<20) func aLargerPriceNeverMakesAThresholdStricter(seed: Int) {
    // Each exit by itself: what reaches it stays the same.
    let exit = 1 + seed % 2
    let samples = Self.samples(seed: UInt64(seed)).filter { $0.exit == exit }
    func thresholds(_ price: Double) -> [Double] {
      ThresholdFit(offloadPrice: price, minimumAccepted: 5)
        .fitThresholds(samples: samples, criterion: .frameEntropy, manifest: "")
        .map { $0.threshold ?? -.infinity }
    }
    var previous = thresholds(0)
    for step in 1...10 {
      let next = thresholds(Double(step) * 0.25)
      #expect(zip(previous, next).allSatisfy { $0 <= $1 })
      previous = next
    }
    #expect(previous.allSatisfy { $0 > -.infinity })
  }

  @Test func theOrderOfSamplesDoesNotMatter() {
    let samples = Self.samples(seed: 5)
    var generator = SplitMix(seed: 6)
    let fit = ThresholdFit()
    let first = fit.fitThresholds(samples: samples, criterion: .frameEntropy, manifest: "")
    for _ in 0..<5 {
      let shuffled = samples.shuffled(using: &generator)
      #expect(
        fit.fitThresholds(samples: shuffled, criterion: .frameEntropy, manifest: "") == first)
    }
  }

  /// Both criteria are the same rule seen from two sides.
  @Test func posteriorsMirrorEntropies() {
    let samples = Self.samples(seed: 7)
    let mirrored = samples.map { sample in
      var sample = sample
      sample.confidence = -sample.confidence
      return sample
    }
    let fit = ThresholdFit()
    let entropy = fit.fitThresholds(samples: samples, criterion: .frameEntropy, manifest: "")
    let posterior = fit.fitThresholds(
      samples: mirrored, criterion: .sentencePosterior, manifest: "")
    #expect(entropy.map { $0.threshold.map { -$0 } } == posterior.map(\.threshold))
    #expect(entropy.map(\.accepted) == posterior.map(\.accepted))
  }

  @Test func curvesAreMonotoneAndKeepTheMean() throws {
    for seed in 0..<10 {
      let samples = Self.samples(seed: UInt64(seed))
      let entries = ThresholdFit().fitThresholds(
        samples: samples, criterion: .frameEntropy, manifest: "")
      for entry in entries {
        let own = samples.filter { $0.exit == entry.exit }
        // Pools keep the number of errors: expected errors add up to the observed ones.
        let expected = try own.reduce(0.0) { sum, sample in
          let rate = try #require(
            entry.errorRate.errorRate(at: sample.confidence, criterion: .frameEntropy))
          return sum + rate * Double(sample.referenceWords)
        }
        #expect(abs(expected - Double(own.reduce(0) { $0 + $1.wordErrors })) < 1e-6)
        let rates = stride(from: 0.0, through: 1.2, by: 0.01).map {
          entry.errorRate.errorRate(at: $0, criterion: .frameEntropy) ?? .nan
        }
        #expect(zip(rates, rates.dropFirst()).allSatisfy { $0 <= $1 })
      }
      #expect(entries[1].nextExitErrorRate == .empty)
      #expect(entries[0].nextExitErrorRate != .empty)
    }
    #expect(ErrorRateCurve.empty.errorRate(at: 0.1, criterion: .frameEntropy) == nil)
  }

  /// What the fit promises of the cascade as a whole.
  @Test(arguments: 0..<20) func theCascadeKeepsTheRule(seed: Int) throws {
    let samples = Self.samples(seed: UInt64(seed))
    let fit = ThresholdFit()
    let entries = fit.fitThresholds(samples: samples, criterion: .frameEntropy, manifest: "")
    let outcome = CascadeOutcome(
      samples: samples, calibration: Calibration(entries: entries), criterion: .frameEntropy)
    let edgeOnly = CascadeOutcome(
      samples: samples, calibration: .empty, criterion: .frameEntropy)
    #expect(outcome.answeredByEdge + outcome.answeredByExit.values.reduce(0, +) == 400)
    #expect(outcome.answeredByExit[1] == entries[0].accepted)
    #expect(outcome.answeredByExit[2] ?? 0 == entries[1].accepted)
    #expect(edgeOnly.offloadRate == 1)
    #expect(try #require(outcome.offloadRate) < 1)
    // Errors and offloads together cost no more than offloading everything.
    let price = fit.offloadPrice
    #expect(
      Double(outcome.wordErrors) + price * Double(outcome.answeredByEdge)
        <= Double(edgeOnly.wordErrors) + price * Double(edgeOnly.answeredByEdge) + 1e-9)
  }

  @Test func filesAreReadBackAsTheyWereWritten() throws {
    let entries = ThresholdFit().fitThresholds(
      samples: Self.samples(seed: 9), criterion: .frameEntropy, manifest: "dev.jsonl")
    let calibration = Calibration(entries: entries)
    #expect(try Calibration(json: calibration.json()) == calibration)
  }

  @Test func badFilesAreNamed() throws {
    func error(_ text: String) -> CalibrationError? {
      do throws(CalibrationError) {
        _ = try Calibration(json: Data(text.utf8), path: "m/calibration.json")
        return nil
      } catch { return error }
    }
    #expect(
      error("not json")?.description.hasPrefix("m/calibration.json is no calibration") == true)
    #expect(
      error(#"{"version": 3, "entries": [], "new": 1}"#)
        == .newerVersion(path: "m/calibration.json", found: 3))
    #expect(error(#"{"version": 1}"#)?.description.contains("lacks 'entries'") == true)
    var twice = Fixtures.calibration
    twice.entries.append(twice.entries[0])
    #expect(
      error(String(decoding: twice.json(), as: UTF8.self))?.description.contains("twice") == true)
    var falling = Fixtures.calibration
    falling.entries[0].errorRate.steps.reverse()
    #expect(
      error(String(decoding: falling.json(), as: UTF8.self))?.description.contains("monotone")
        == true)
  }
}
