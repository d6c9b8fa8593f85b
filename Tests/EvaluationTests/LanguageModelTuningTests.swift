import Conformer
import Decoding
import FeatureCodec
import Foundation
import Simulation
import Testing

@testable import Evaluation

@Suite("Tuning the search's weights")
struct LanguageModelTuningTests {
  private static let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("ConformerTests/Golden").path

  /// The tiny model's folder with a tiny language model that model.json names.
  private func folder() throws -> String {
    let folder = NSTemporaryDirectory() + "tandem-tuning-\(UUID().uuidString)"
    try FileManager.default.copyItem(atPath: "\(Self.golden)/subwords", toPath: folder)
    try FileManager.default.copyItem(
      atPath: "\(Self.golden)/language/order2.ngrams", toPath: folder + "/edge.ngrams")
    let url = URL(fileURLWithPath: folder + "/model.json")
    var json = try #require(
      JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
    json["languageModels"] = [
      "edge": [
        "file": "edge.ngrams",
        "sha256": "e921e59a8deee7bc29c86317a729ddd7dc2dc7863811d90a8c8a94cc49c13e77",
      ]
    ]
    try JSONSerialization.data(withJSONObject: json).write(to: url)
    return folder
  }

  @Test("What is kept is the best of what was tried, for every head")
  func keepsTheBest() throws {
    let folder = try folder()
    let recordings = try [0.6, 0.9].map(writeNoise)
    let path = NSTemporaryDirectory() + UUID().uuidString + ".tsv"
    try Data("path\ttext\n\(recordings[0])\tTURN ON\n\(recordings[1])\tSTOP\n".utf8)
      .write(to: URL(fileURLWithPath: path))
    defer {
      for file in recordings + [path, folder] { try? FileManager.default.removeItem(atPath: file) }
    }
    let paths = try Paths(modelDirectory: folder, beamWidth: 2, codec: .at(0))
    #expect(paths.edgeDecoderName?.hasSuffix("-beam-2-edge-lm") == true)
    var tuning = try LanguageModelTuning(
      manifest: Manifest(path: path), name: "noise", paths: paths, beamWidth: 2, threads: 2)
    for decoder in [ModelConfiguration.SecondPassDecoder.ctc, .transducer, .fused] {
      let before = tuning.trials.count
      var reported = 0
      try tuning.tune(side: .edge, decoder: decoder) { _ in reported += 1 }
      let trials = tuning.trials[before...]
      let entry = try #require(tuning.entries.last)
      #expect(trials.count > 1 && trials.count == reported)
      #expect(entry.decoder == decoder && entry.languageModel == "edge" && entry.tunedOn == "noise")
      #expect(trials.contains { $0.weights == entry.weights })
      #expect(entry.weights.problem == nil)
      #expect(entry.wordErrorRate == trials.map(\.wordErrorRate).min())
      #expect((entry.candidateWeights != nil) == (decoder == .fused))
    }
    // What ships with the weights makes the errors that tuning counted.
    var settings = DecodingSettings()
    for entry in tuning.entries { settings.set(entry) }
    try settings.json().write(to: URL(fileURLWithPath: folder + "/" + DecodingSettings.fileName))
    for entry in tuning.entries {
      let shipped = try Paths(
        modelDirectory: folder, beamWidth: 2, decoder: entry.decoder, codec: .at(0))
      let result = try WordErrorRateEvaluation(
        manifest: Manifest(path: path), paths: shipped, splitLayer: shipped.model.blockCount,
        threads: 1)
      #expect(result.rows.last { $0.path == "edge" }?.wordErrorRate == entry.wordErrorRate)
    }
    #expect(throws: LanguageModelTuningError.noLanguageModel(directory: folder)) {
      try tuning.tune(side: .device, decoder: .ctc)
    }
  }

  @Test("A lexicon holds the exits and the edge to its words")
  func lexicon() throws {
    let paths = try Paths(
      modelDirectory: Self.golden + "/characters", beamWidth: 4,
      lexicon: Lexicon(text: "YES\nNO\nMAYBE NOT"), codec: .at(0))
    #expect(paths.exitDecoderName == "ctc-beam-4-lexicon")
    var generator = SeededGenerator(seed: 4)
    for _ in 0..<4 {
      let noise = (0..<16_000).map { _ in Float.random(in: -0.5...0.5, using: &generator) }
      let encoder = paths.encode(noise)
      let texts =
        try (1...paths.model.exitCount).map { paths.exit($0, of: encoder).hypothesis.text } + [
          paths.edge(encoder, splitLayer: 2).text
        ]
      for text in texts {
        let rest = text.replacingOccurrences(of: "MAYBE NOT", with: "YES")
          .split(separator: " ")
        #expect(rest.allSatisfy { $0 == "YES" || $0 == "NO" }, "\(text)")
      }
    }
  }
}
