import Decoding
import Foundation
import Offload
import Testing

@testable import Evaluation

@Suite struct ConfidenceFittingTests {
  /// A generator that gives the same numbers everywhere.
  struct Numbers {
    var state: UInt64
    mutating func uniform() -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 11) / Double(1 << 53)
    }
  }

  @Test func logisticRegressionFindsItsOwnWeights() {
    var numbers = Numbers(state: 7)
    let truth = LogisticRegression(intercept: -0.5, weights: [2, -1, 0])
    let features = (0..<20_000).map { _ in (0..<3).map { _ in 4 * numbers.uniform() - 2 } }
    let labels = features.map { numbers.uniform() < truth.probability($0) }
    let fit = LogisticRegression(features: features, labels: labels)
    #expect(abs(fit.intercept - truth.intercept) < 0.1)
    for (found, wanted) in zip(fit.weights, truth.weights) { #expect(abs(found - wanted) < 0.1) }
  }

  @Test func separableAndConstantDataStayFinite() {
    let separable = LogisticRegression(
      features: (0..<100).map { [Double($0), 3] }, labels: (0..<100).map { $0 >= 50 })
    #expect(separable.weights[0].isFinite && separable.weights[0] > 0)
    #expect(separable.weights[1] == 0, "a feature that never varies weighs nothing")
    #expect(separable.probability([0, 3]) < 0.1 && separable.probability([99, 3]) > 0.9)
    let always = LogisticRegression(features: [[1], [2], [3]], labels: [true, true, true])
    #expect(
      always.intercept.isFinite && always.probability([2]) > 0.5 && always.probability([2]) < 1)
    #expect(LogisticRegression(features: [], labels: []).weights.isEmpty)
  }

  @Test func calibrationErrorIsTheDistanceFromTheTruth() {
    let honest = Reliability((0..<1_000).map { (0.25, $0 % 4 == 0) }, bins: 1)
    #expect(abs(honest.calibrationError) < 1e-12)
    let boastful = Reliability((0..<1_000).map { (0.75, $0 % 4 == 0) }, bins: 1)
    #expect(abs(boastful.calibrationError - 0.5) < 1e-12)
    #expect(Reliability([]).calibrationError == 0)
  }

  private func search(_ tokens: [Int], posterior: Double) -> CTCSearch.Result {
    CTCSearch.Result(
      hypothesis: Hypothesis(
        tokens: tokens, text: "", logProbability: log(posterior) * Double(tokens.count + 1)),
      frameEntropy: -log(posterior), sentencePosterior: posterior, frames: 10,
      leastWordConfidence: posterior)
  }

  /// Utterances whose transcript is right with the probability that their posterior says.
  private func measured(_ count: Int) -> [ConfidenceFitting.Measured] {
    var numbers = Numbers(state: 3)
    return (0..<count).map { _ in
      let sure = 0.02 + 0.96 * numbers.uniform()
      let first = numbers.uniform() < sure ? 0 : 1
      let second = first == 0 ? 0 : numbers.uniform() < 0.5 ? 0 : 1
      return ConfidenceFitting.Measured(
        results: [
          search([1, 2], posterior: sure),
          search(first == second ? [1, 2] : [1, 3], posterior: sure),
        ], errors: [first, second], words: 2)
    }
  }

  @Test func theProbabilityIsCalibratedAndSelectsExits() throws {
    let result = ConfidenceFitting(measured(4_000), name: "made up", depths: [2, 8])
    #expect(result.confidence.exits.count == 2)
    for exit in result.confidence.exits { #expect(exit.calibrationError < 0.04) }
    let area = Dictionary(uniqueKeysWithValues: result.selection.map { ($0.criterion, $0.area) })
    let probability = try #require(area[.probability])
    let agreement = try #require(area[.agreement])
    #expect(probability < agreement, "agreement knows nothing at the first of two exits")
    for curve in result.selection {
      #expect(curve.points.first?.averageDepth == 2 && curve.points.last?.averageDepth == 8)
    }
  }

  @Test func theFileComesBackAndNamesWhatIsWrong() throws {
    let fitted = ConfidenceFitting(measured(200), name: "made up", depths: [2, 8]).confidence
    #expect(try ExitConfidence(json: fitted.json()) == fitted)
    let features = ConfidenceFeature.values(search([1], posterior: 0.5), previous: nil)
    let probability = try #require(fitted.probability(exit: 1, features: features))
    #expect((0...1).contains(probability))
    #expect(fitted.probability(exit: 9, features: features) == nil)
    var text = String(decoding: fitted.json(), as: UTF8.self)
    text = text.replacingOccurrences(of: "frameEntropy", with: "moonPhase")
    #expect {
      try ExitConfidence(json: Data(text.utf8), path: "there")
    } throws: {
      "\($0)".contains("moonPhase") && "\($0)".contains("there")
        && "\($0)".contains("fit-confidence")
    }
    #expect(throws: ExitConfidenceError.otherVersion(path: "x", found: 9)) {
      try ExitConfidence(json: Data(#"{"version": 9}"#.utf8), path: "x")
    }
    #expect(throws: ExitConfidenceError.self) {
      try ExitConfidence(json: Data("no json".utf8), path: "x")
    }
  }

  @Test func agreementCountsTokenEdits() {
    func hypothesis(_ tokens: [Int]) -> Hypothesis {
      Hypothesis(tokens: tokens, text: "", logProbability: 0)
    }
    #expect(hypothesis([]).agreement(with: hypothesis([])) == 1)
    #expect(hypothesis([1, 2]).agreement(with: hypothesis([])) == 0)
    #expect(hypothesis([1, 2, 3, 4]).agreement(with: hypothesis([1, 9, 3])) == 0.5)
    #expect(hypothesis([1, 9, 3]).agreement(with: hypothesis([1, 2, 3, 4])) == 0.5)
  }
}

@Suite struct NoiseMixingTests {
  @Test(arguments: [0.0, 10, 20]) func theRatioIsWhatWasAskedFor(decibels: Double) {
    let speech = (0..<16_000).map { Float(0.2 * sin(Double($0) * 0.05)) }
    let noise = (0..<5_000).map { Float(($0 * 7_919 % 1_000) - 500) / 50_000 }
    let mixing = NoiseMixing(noise: noise, decibels: decibels)
    let mixed = mixing.mixed(speech, number: 3)
    func power(_ values: [Float]) -> Double {
      values.reduce(0) { $0 + Double($1) * Double($1) } / Double(values.count)
    }
    let added = zip(mixed, speech).map { $0 - $1 }
    #expect(abs(10 * log10(power(speech) / power(added)) - decibels) < 0.1)
    #expect(mixing.mixed(speech, number: 3) == mixed && mixing.mixed(speech, number: 4) != mixed)
    #expect(mixing.mixed([], number: 0).isEmpty)
  }

  @Test func aSilentRecordingIsNamed() {
    #expect(NoiseMixingError.silent(path: "x.wav").description.contains("x.wav"))
  }
}

@Suite struct PairedBootstrapTests {
  @Test func aSmallSteadyGainIsSeenWhereSeparateIntervalsOverlap() throws {
    var pairs: [(WordErrors, WordErrors)] = []
    for index in 0..<400 {
      var before = WordErrors()
      before.words = 5
      before.substitutions = index % 5
      var after = before
      if index % 10 == 4 { after.substitutions -= 1 }
      pairs.append((after, before))
    }
    let paired = try #require(Bootstrap.pairedInterval(pairs))
    #expect(paired.high < 0)
    let one = try #require(Bootstrap.interval(pairs.map(\.0)))
    let other = try #require(Bootstrap.interval(pairs.map(\.1)))
    #expect(one.high > other.low, "apart they could not be told from one another")
    #expect(Bootstrap.pairedInterval([]) == nil)
  }
}

@Suite struct PeerRecognizerTests {
  @Test func aMissingPythonIsNamedWithTheRemedy() {
    #expect {
      try PeerRecognizer(python: "/nowhere/python").transcribe(["a.wav"])
    } throws: {
      "\($0)".contains("pip install") && "\($0)".contains("--peer")
    }
  }

  @Test func answersAreTakenInOrderAndFailuresCarryWhatWasSaid() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func python(_ script: String) throws -> PeerRecognizer {
      let path = folder.appendingPathComponent("python-\(UUID().uuidString)").path
      try Data("#!/bin/sh\n\(script)\n".utf8).write(to: URL(fileURLWithPath: path))
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
      return PeerRecognizer(python: path)
    }
    let echo = #"while read -r p; do printf '{"path": "%s", "text": "HEARD %s"}\n' "$p" "$p"; done"#
    #expect(try python(echo).transcribe(["A", "B"]) == ["HEARD A", "HEARD B"])
    #expect {
      try python("echo no weights >&2; exit 3").transcribe(["A"])
    } throws: {
      "\($0)".contains("no weights") && "\($0)".contains("status 3")
    }
    #expect(throws: PeerError.self) {
      try python(#"echo '{"path": "B", "text": ""}'"#).transcribe(["A"])
    }
    // Kept transcripts are not asked for again, wherever the caller stands.
    let kept = folder.appendingPathComponent("kept.jsonl").path
    var asked = try python(echo)
    asked.kept = kept
    #expect(try asked.transcribe(["/a/A", "/a/b/../B"]) == ["HEARD /a/A", "HEARD /a/B"])
    var silent = try python("exit 3")
    silent.kept = kept
    #expect(try silent.transcribe(["/a/B"]) == ["HEARD /a/B"])
    #expect(throws: PeerError.self) { try silent.transcribe(["/a/B", "/a/C"]) }
    try Data("nonsense\n".utf8).write(to: URL(fileURLWithPath: kept))
    #expect {
      try asked.transcribe(["/a/A"])
    } throws: {
      "\($0)".contains("line 1")
    }
  }
}
