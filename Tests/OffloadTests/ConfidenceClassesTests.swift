import Testing

@testable import Offload

@Suite struct ConfidenceClassesTests {
  /// `count` utterances whose confidence at exit 1 is uniform, and whose words are wrong with probability 1 - confidence;
  /// at exit 2 every utterance's confidence is the square root of what it was.
  private static func samples(_ count: Int) -> [CalibrationSample] {
    (0..<count).flatMap { index -> [CalibrationSample] in
      let confidence = (Double(index) + 0.5) / Double(count)
      // Low-discrepancy draws: no generator, no seed.
      let draw = (Double(index) * 0.618_033_988_75).truncatingRemainder(dividingBy: 1)
      return (1...2).map { exit in
        let own = exit == 1 ? confidence : confidence.squareRoot()
        return CalibrationSample(
          utterance: "\(index)", exit: exit, afterBlock: exit, confidence: own,
          wordErrors: draw < 1 - own ? 1 : 0, referenceWords: 1,
          edgeWordErrors: draw < 0.1 ? 1 : 0, tokens: 2, seconds: 1)
      }
    }
  }

  private static func entries(_ count: Int) -> [CalibrationEntry] {
    ThresholdFit().fitThresholds(
      samples: samples(count), criterion: .sentencePosterior, manifest: "made up")
  }

  @Test func classesSayWhatTheSamplesWere() throws {
    let entries = Self.entries(2_000)
    let first = try #require(entries[0].short?.classes)
    let second = try #require(entries[1].short?.classes)
    #expect(first.count == ConfidenceClassesFit.mostClasses)
    #expect(first.isSound(criterion: .sentencePosterior, following: second.count))
    #expect(second.isSound(criterion: .sentencePosterior, following: nil))
    for share in first.share { #expect(abs(share - 1 / 12) < 0.01) }
    // The middle of class c is at (c + 0.5) / 12; its errors are one less that.
    for (place, rate) in first.errorRate.enumerated() where (2..<10).contains(place) {
      #expect(abs(rate - (1 - (Double(place) + 0.5) / 12)) < 0.08, "class \(place): \(rate)")
    }
    for rate in first.edgeErrorRate { #expect(abs(rate - 0.1) < 0.05) }
    // A monotone relation: every class leads to the same class, but for what is believed beforehand.
    for (place, row) in first.next.enumerated() { #expect(row[place] > 0.9) }
    #expect(second.next.isEmpty)
  }

  @Test func tooFewSamplesGiveNone() {
    for entry in Self.entries(79) { #expect(entry.short?.classes == nil) }
  }

  @Test func equalConfidencesAreOneClassAtMost() throws {
    var samples = Self.samples(400)
    for index in samples.indices { samples[index].confidence = 0.5 }
    let entries = ThresholdFit().fitThresholds(
      samples: samples, criterion: .sentencePosterior, manifest: "made up")
    for entry in entries { #expect(entry.classes == nil) }
  }

  @Test(arguments: [ConfidenceCriterion.sentencePosterior, .frameEntropy])
  func neighboursChangeWithoutSteps(criterion: ConfidenceCriterion) {
    let limits = criterion == .frameEntropy ? [0.8, 0.5, 0.3] : [0.3, 0.5, 0.8]
    let classes = ConfidenceClasses(
      limits: limits, share: [0.25, 0.25, 0.25, 0.25], errorRate: [0.9, 0.5, 0.3, 0.1],
      edgeErrorRate: [0, 0, 0, 0])
    func rate(_ confidence: Double) -> Double {
      let (first, second, share) = classes.neighbours(confidence, criterion: criterion)
      #expect((0...0.5).contains(share))
      return classes.errorRate[first]
        + share * (classes.errorRate[second] - classes.errorRate[first])
    }
    // In the middles of the inner classes, and halfway between them.
    let middles = criterion == .frameEntropy ? (0.65, 0.4) : (0.4, 0.65)
    #expect(abs(rate(middles.0) - 0.5) < 1e-9)
    #expect(abs(rate(middles.1) - 0.3) < 1e-9)
    #expect(abs(rate(0.5) - 0.4) < 1e-9)
    #expect(rate(criterion == .frameEntropy ? 0.9 : 0.1) == 0.9)
    #expect(rate(criterion == .frameEntropy ? 0.1 : 0.9) == 0.1)
    #expect(rate(.nan) == 0.9)
  }

  @Test func calibrationsWhoseClassesDoNotFitAreRefused() throws {
    var calibration = Calibration(entries: Self.entries(2_000))
    #expect(try Calibration(json: calibration.json()) == calibration)
    calibration.entries[0].short?.classes?.next[3] = [1]
    let error = #expect(throws: CalibrationError.self) {
      try Calibration(json: calibration.json())
    }
    #expect(error?.description.contains("exit 1") == true)
    #expect(error?.description.contains("classes") == true)
  }

  @Test func theLineFindsWhatItWasDrawnFrom() throws {
    let observations = (0..<4_000).map { index -> ErrorRateLine.Observation in
      let confidence = (Double(index) + 0.5) / 4_000
      let draw = (Double(index) * 0.618_033_988_75).truncatingRemainder(dividingBy: 1)
      return .init(confidence: confidence, rate: draw < 1 - confidence ? 1 : 0, words: 1)
    }
    // With the log-odds for input, a rate of 1 - confidence is a line through 0 with slope -1.
    let line = try #require(
      ErrorRateLine(fitting: observations, criterion: .sentencePosterior))
    #expect(abs(line.slope + 1) < 0.05)
    #expect(abs(line.intercept) < 0.05)
    #expect(
      ErrorRateLine(fitting: Array(observations.prefix(19)), criterion: .sentencePosterior) == nil)
    // All right, and all wrong: no line runs away.
    for rate in [0.0, 1] {
      let flat = try #require(
        ErrorRateLine(
          fitting: observations.map { .init(confidence: $0.confidence, rate: rate, words: 1) },
          criterion: .sentencePosterior))
      #expect(
        abs(flat.errorRate(at: 0.5, criterion: .sentencePosterior) - rate) < 0.01)
    }
  }
}
