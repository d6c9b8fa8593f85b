import Testing

@testable import Offload

@Suite struct ExpectedWordsTests {
  @Test func aStraightLineIsFound() throws {
    let words = try #require(
      ExpectedWords(
        fitting: (0..<40).map { index in
          let tokens = 2 + index % 7
          let seconds = 1 + Double(index % 5)
          return .init(tokens: tokens, seconds: seconds, words: 1 + tokens + 2 * Int(seconds))
        }))
    #expect(abs(words.count(tokens: 4, seconds: 3) - 11) < 0.01)
    // Without tokens their mean stands in.
    #expect(abs(words.count(tokens: nil, seconds: 3) - 12) < 0.2)
  }

  @Test func somethingWasSaid() throws {
    let words = try #require(
      ExpectedWords(
        fitting: (1...20).map { .init(tokens: 3 * $0, seconds: Double($0), words: 2 * $0) }))
    #expect(words.count(tokens: 0, seconds: 0.1) == 1)
    #expect(words.count(tokens: nil, seconds: 0) == 1)
    #expect(ExpectedWords(fitting: [.init(tokens: 1, seconds: 1, words: 1)]) == nil)
  }

  /// The same confidence promises other error rates of a command than of a sentence.
  @Test func lengthsHaveCurvesOfTheirOwn() throws {
    let samples = (0..<400).map { index in
      let isLong = index % 2 == 0
      return CalibrationSample(
        utterance: "\(index)", exit: 1, afterBlock: 2, confidence: Double(index % 10) / 10,
        wordErrors: isLong ? 5 : (index % 8 == 1 ? 1 : 0), referenceWords: isLong ? 10 : 1,
        edgeWordErrors: 0, tokens: isLong ? 20 : 2, seconds: isLong ? 5 : 1)
    }
    let entry = try #require(
      ThresholdFit().fitThresholds(
        samples: samples, criterion: .sentencePosterior, manifest: "synthetic"
      ).first)
    #expect(abs(try #require(entry.for(words: 10).meanErrorRate) - 0.5) < 1e-9)
    #expect(abs(try #require(entry.for(words: 1).meanErrorRate) - 0.25) < 1e-9)
    #expect(entry.threshold == entry.for(words: 1).threshold)
    let json = Calibration(entries: [entry]).json()
    #expect(try Calibration(json: json).entries == [entry])
  }
}
