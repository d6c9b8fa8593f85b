import Conformer
import Foundation
import Models
import Offload
import Testing

@testable import Evaluation

@Suite("Word error rates by set, pool and stop")
struct WordErrorRateTests {
  @Test("Pools hold the sets they name; what they name and is not there is passed over")
  func pools() throws {
    let folder = NSTemporaryDirectory() + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let recordings = try ["a", "b", "c"].map { ($0, try writeNoise(seconds: 0.6)) }
    defer { for file in recordings { try? FileManager.default.removeItem(atPath: file.1) } }
    let manifest = folder + "/manifest.tsv"
    try Data(
      ("path\tset\ttext\n" + recordings.map { "\($0.1)\t\($0.0)\tONE TWO\n" }.joined()).utf8
    ).write(to: URL(fileURLWithPath: manifest))
    let paths = try Paths(modelDirectory: goldenModel("characters"), beamWidth: 2, codec: .at(0))
    let exits = paths.model.exitDepths
    // Every exit is sure of everything; then none is.
    for threshold in [0.0, 2.0] {
      let calibration = Calibration(
        entries: exits.enumerated().map {
          CalibrationEntry(
            exit: $0.offset + 1, afterBlock: $0.element, criterion: .sentencePosterior,
            threshold: threshold)
        })
      let result = try WordErrorRateEvaluation(
        manifest: Manifest(path: manifest), paths: paths, splitLayer: 1,
        pools: [.init(name: "ac", sets: ["a", "c", "x"]), .init(name: "none", sets: ["y"])],
        selection: (calibration, .sentencePosterior), threads: 2)
      let sizes = Dictionary(
        result.rows.map { ($0.set, $0.utterances) }, uniquingKeysWith: { first, _ in first })
      #expect(sizes == ["a": 1, "b": 1, "c": 1, "ac": 2, "pooled": 3])
      let stops = try #require(result.selections.first { $0.set == "ac" })
      let depth = threshold == 0 ? exits[0] : exits[exits.count - 1]
      #expect(stops.averageDepth == Double(depth))
      #expect(stops.answered[threshold == 0 ? 0 : exits.count] == 2)
      #expect(stops.answered.reduce(0, +) == 2)
      let edge = try #require(result.rows.first { $0.set == "ac" && $0.path == "edge" })
      let first = try #require(result.rows.first { $0.set == "ac" && $0.path == "exit-1" })
      #expect(
        stops.cascadeWordErrorRate == (threshold == 0 ? first.wordErrorRate : edge.wordErrorRate))
      let comparison = try #require(
        result.comparisons.first { $0.set == "ac" && $0.path == "edge" })
      let before = try #require(
        result.rows.first { $0.set == "ac" && $0.path == comparison.before })
      let reduction = try #require(comparison.relativeReduction)
      #expect(abs(before.wordErrorRate * (1 - reduction) - edge.wordErrorRate) < 1e-9)
    }
  }

  @Test("A model of exits alone has error rates, in noise too, and no edge")
  func exitsAlone() throws {
    let folder = NSTemporaryDirectory() + UUID().uuidString
    try FileManager.default.copyItem(atPath: goldenModel("characters"), toPath: folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let description = URL(fileURLWithPath: folder + "/model.json")
    var json = try #require(
      JSONSerialization.jsonObject(with: Data(contentsOf: description)) as? [String: Any])
    json["secondEncoder"] = NSNull()
    json["transducer"] = NSNull()
    var weights = try #require(json["weights"] as? [String: Any])
    weights["edge"] = NSNull()
    json["weights"] = weights
    try JSONSerialization.data(withJSONObject: json).write(to: description)
    let recording = try writeNoise(seconds: 0.6)
    defer { try? FileManager.default.removeItem(atPath: recording) }
    let manifest = folder + "/manifest.tsv"
    try Data("path\ttext\n\(recording)\tONE TWO\n".utf8).write(
      to: URL(fileURLWithPath: manifest))
    #expect(throws: ModelError.deviceOnly(path: folder)) {
      try Paths(modelDirectory: folder, codec: .at(0))
    }
    let paths = try Paths(modelDirectory: folder, codec: .at(0), needsEdge: false)
    let exits = paths.model.exitDepths
    let calibration = Calibration(
      entries: exits.enumerated().map {
        CalibrationEntry(
          exit: $0.offset + 1, afterBlock: $0.element, criterion: .sentencePosterior,
          threshold: 2)
      })
    let result = try WordErrorRateEvaluation(
      manifest: Manifest(path: manifest), paths: paths, chunks: [100], splitLayer: 1,
      noise: NoiseMixing(path: recording, decibels: 10),
      selection: (calibration, .sentencePosterior), threads: 1)
    #expect(result.rows.map(\.path) == (1...exits.count).map { "exit-\($0)" })
    #expect(result.comparisons.count == exits.count - 1)
    #expect(result.chunks.map(\.transcripts) == [exits.count])
    #expect(result.chunks.map(\.differing) == [0])
    let stops = try #require(result.selections.first)
    #expect(stops.cascadeWordErrorRate == nil)
    #expect(stops.deviceWordErrorRate == result.rows.last?.wordErrorRate)
    #expect(stops.answered.last == 1)
    #expect(throws: ModelError.deviceOnly(path: folder)) {
      try paths.unsplit(paths.encode([Float](repeating: 0, count: 16_000)))
    }
  }

  @Test func whatIsGoneOfTheErrors() {
    let two = WordErrors(reference: "A B", hypothesis: "X Y")
    let one = WordErrors(reference: "A B", hypothesis: "A Y")
    let none = WordErrors(reference: "A B", hypothesis: "A B")
    #expect(WordErrorRateEvaluation.reduction([one, one], [two, one]) == 1 - 2.0 / 3)
    #expect(WordErrorRateEvaluation.reduction([two], [one]) == -1)
    #expect(WordErrorRateEvaluation.reduction([one], [none]) == nil)
  }
}
