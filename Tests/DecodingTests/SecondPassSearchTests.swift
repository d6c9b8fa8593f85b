import Conformer
import Foundation
import Models
import Testing

@testable import Decoding

@Suite("Second pass")
struct SecondPassSearchTests {
  @Test("The forward algorithm gives a transcript what a wide beam adds up for it")
  func transducerForward() throws {
    let model = try Golden.model("characters")
    let search = try TransducerSearch(model: model)
    let second = try Golden.secondPass(model, frames: 4, seed: 3)
    let found = search.beam(second, width: 400)
    let forward = search.forward(found.prefix(5).map(\.tokens), second)
    for (hypothesis, judged) in zip(found.prefix(5), forward) {
      // The beam stops at five tokens a frame and at its width; the forward algorithm does not.
      #expect(judged.logProbability >= hypothesis.logProbability - 1e-4)
      #expect(judged.logProbability - hypothesis.logProbability < 0.05)
    }
  }

  @Test("A language model without weight changes nothing")
  func weightless() throws {
    let model = try Golden.model("subwords")
    let fusion = WordFusion(
      vocabulary: model.vocabulary, languageModel: try Golden.languageModel("order3"),
      weights: SearchWeights(
        languageModel: 0, wordBonus: 0, internalLanguageModel: 0, transducerShare: 1))
    for seed in 1...5 as ClosedRange<UInt64> {
      let second = try Golden.secondPass(model, frames: 12, seed: seed)
      for decoder in [ModelConfiguration.SecondPassDecoder.ctc, .transducer] {
        let plain = try SecondPassSearch(model: model, decoder: decoder, beamWidth: 6)
          .recognize(second)
        let fused = try SecondPassSearch(
          model: model, decoder: decoder, beamWidth: 6, fusion: fusion
        ).recognize(second)
        #expect(Set(fused.map(\.text)) == Set(plain.map(\.text)))
      }
    }
  }

  @Test("Both heads together rank by the share that each is given")
  func shares() throws {
    let model = try Golden.model("characters")
    let second = try Golden.secondPass(model, frames: 10, seed: 5)
    let languageModel = try Golden.languageModel("order2")
    func fused(_ share: Double) throws -> [Hypothesis] {
      try SecondPassSearch(
        model: model, decoder: .fused, beamWidth: 4,
        fusion: WordFusion(
          vocabulary: model.vocabulary, languageModel: languageModel,
          weights: SearchWeights(languageModel: 0, wordBonus: 0, transducerShare: share))
      ).recognize(second)
    }
    let posteriors = try model.connectionistPosteriors(second)
    let size = model.vocabulary.tokens.count
    let byCTC = try fused(0)
    for hypothesis in byCTC {
      let judged = CTCSearch.forward(hypothesis.tokens, posteriors, size: size)
      #expect(abs(hypothesis.logProbability - judged) < 1e-9)
    }
    let search = try TransducerSearch(model: model)
    let byTransducer = try fused(1)
    for hypothesis in byTransducer {
      let judged = search.forward([hypothesis.tokens], second)[0].logProbability
      #expect(abs(hypothesis.logProbability - judged) < 1e-6)
    }
    #expect(zip(byCTC, byCTC.dropFirst()).allSatisfy { $0.score >= $1.score })
  }

  @Test("What the labels expect without the encoder sums to one, and is what is subtracted")
  func internalLanguageModel() throws {
    let model = try Golden.model("characters")
    let transducer = try #require(model.transducer)
    let expected = transducer.internalLanguageModel(
      transducer.predict([Int](repeating: 2, count: transducer.context)))
    #expect(abs(expected.dropFirst().reduce(0) { $0 + exp($1) } - 1) < 1e-4)
    let second = try Golden.secondPass(model, frames: 6, seed: 9)
    let weights = SearchWeights(languageModel: 0, wordBonus: 0, internalLanguageModel: 0.5)
    let fusion = WordFusion(vocabulary: model.vocabulary, languageModel: nil, weights: weights)
    let search = try TransducerSearch(model: model)
    for hypothesis in search.beam(second, width: 5, fusion: fusion) {
      let sum = search.forward([hypothesis.tokens], second)[0].expected
      #expect(abs(hypothesis.score - (hypothesis.logProbability - 0.5 * sum)) < 1e-3)
    }
  }

  @Test("Greedy by the factorised blank emits what is more probable than silence altogether")
  func blankBelowHalf() throws {
    let model = try Golden.model("characters")
    let transducer = try #require(model.transducer)
    let search = try TransducerSearch(model: model)
    for seed in 1...5 as ClosedRange<UInt64> {
      let second = try Golden.secondPass(model, frames: 8, seed: seed)
      let projected = transducer.project(second)
      let j = transducer.joinerDimension
      var expected: [Int] = []
      for frame in 0..<8 {
        for _ in 0..<TransducerSearch.maximumSymbolsPerFrame {
          let history =
            ([Int](repeating: 0, count: transducer.context) + expected).suffix(transducer.context)
          let scores = transducer.join(
            frame: projected[(frame * j)..<((frame + 1) * j)],
            histories: [transducer.predict(Array(history))])
          if exp(scores[0]) >= 0.5 { break }
          expected.append(scores.indices.dropFirst().max { scores[$0] < scores[$1] }!)
        }
      }
      #expect(search.greedy(second, rule: .blankBelowHalf).tokens == expected)
    }
  }

  @Test func nothingFromNothing() throws {
    let model = try Golden.model("characters")
    let second = try model.secondPass([])
    for decoder in ModelConfiguration.SecondPassDecoder.allCases {
      for width in [1, 4] {
        let found = try SecondPassSearch(model: model, decoder: decoder, beamWidth: width)
          .recognize(second)
        #expect(found.map(\.tokens) == [[]])
      }
    }
    #expect(
      try TransducerSearch(model: model).forward([[], [2]], second).map(\.logProbability) == [
        0, -.infinity,
      ])
  }

  @Test("Greedy on both heads is at least as probable as what each head says")
  func greedyTogether() throws {
    let model = try Golden.model("subwords")
    let transducer = try TransducerSearch(model: model)
    let size = model.vocabulary.tokens.count
    for seed in 1...40 as ClosedRange<UInt64> {
      let second = try Golden.secondPass(model, frames: 24, seed: seed)
      let posteriors = try model.connectionistPosteriors(second)
      let alone = [
        CTCSearch.greedy(posteriors, vocabulary: model.vocabulary).hypothesis.tokens,
        CTCSearch.beam(posteriors, vocabulary: model.vocabulary, beam: 1)[0].tokens,
        transducer.greedy(second, rule: .blankBelowHalf).tokens,
        transducer.beam(second, width: 1)[0].tokens,
      ]
      let search = try SecondPassSearch(model: model, decoder: .fused, beamWidth: 1)
      let judged = try search.judge(second)
      #expect(judged.count <= alone.count + SecondPassSearch.maximumEdits + 1)
      let best = try #require(try search.recognize(second).first)
      for tokens in alone {
        let both =
          0.5 * CTCSearch.forward(tokens, posteriors, size: size)
          + 0.5 * transducer.forward([tokens], second)[0].logProbability
        #expect(best.score >= both - 1e-6)
      }
      #expect(try search.recognize(second, isCancelled: { true }).isEmpty == false)
    }
  }

  @Test("What each of two transcripts has right stands in the one that is made of both")
  func exchangedWords() throws {
    let model = try Golden.model("subwords")
    let search = try SecondPassSearch(model: model, decoder: .fused, beamWidth: 1)
    let tokens = model.vocabulary.tokens
    let words = ["▁THE", "▁CAT", "▁SAT", "▁O"].flatMap { start in
      ["A", "B", "CAT", "TH", "'"].map { [start, $0].map { tokens.firstIndex(of: $0)! } }
    }
    var random = SeededGenerator(seed: 12)
    var (madeOfBoth, possible) = (0, 0)
    for _ in 0..<300 {
      let truth = (0..<Int.random(in: 1...12, using: &random)).map { _ in
        words.randomElement(using: &random)!
      }
      // Each error stands in one of the two: a word is another, missing, or there twice.
      var transcripts: [[[Int]]] = [[], []]
      for word in truth {
        let wrong = Int.random(in: 0...6, using: &random)
        for number in 0...1 {
          let errors = [[], [word, word], [words.first { $0 != word }!]]
          transcripts[number] += wrong == number ? errors.randomElement(using: &random)! : [word]
        }
      }
      func judge(_ candidates: [[Int]]) -> [JudgedHypothesis] {
        candidates.map {
          let words = WordEdit.words($0, vocabulary: model.vocabulary)
          let errors = Double(words.difference(from: truth).count)
          return JudgedHypothesis(
            tokens: $0, connectionist: -errors, transducer: -errors, expected: 0)
        }
      }
      let given = judge(transcripts.map { $0.flatMap { $0 } })
      let made = search.exchangeWords(given, isCancelled: { false }, judge: judge)
      #expect(made.count <= SecondPassSearch.maximumEdits + 1)
      let best = try #require((given + made).map(\.connectionist).max())
      #expect(best >= given.map(\.connectionist).max()!)
      if given.allSatisfy({ $0.connectionist < 0 }) {
        possible += 1
        if best == 0 { madeOfBoth += 1 }
      }
      #expect(search.exchangeWords(given, isCancelled: { true }, judge: judge).isEmpty)
    }
    // Errors of both side by side are one difference, and cannot be told apart.
    #expect(possible > 50 && madeOfBoth * 2 > possible, "\(madeOfBoth) of \(possible)")
  }

  @Test("All differences together turn one transcript into the other")
  func wordEdits() throws {
    let vocabulary = try Golden.model("subwords").vocabulary
    var random = SeededGenerator(seed: 4)
    func transcript() -> [Int] {
      (0..<Int.random(in: 0...9, using: &random)).map { _ in
        Int.random(in: 1..<vocabulary.tokens.count, using: &random)
      }
    }
    var applied = 0
    for _ in 0..<500 {
      let (a, b) = (transcript(), transcript())
      let words = WordEdit.words(a, vocabulary: vocabulary)
      #expect(words.flatMap { $0 } == a)
      let edits = WordEdit.differences(
        words, WordEdit.words(b, vocabulary: vocabulary), vocabulary: vocabulary)
      if let made = WordEdit.apply(edits, to: words, vocabulary: vocabulary) {
        applied += 1
        #expect(vocabulary.text(made) == vocabulary.text(b), "\(a) \(b)")
      } else {
        #expect(!vocabulary.tokens.contains(Vocabulary.wordBoundary))
      }
      for (number, edit) in edits.enumerated() {
        #expect(edit.conflicts(with: edit))
        #expect(edits[..<number].allSatisfy { !$0.conflicts(with: edit) })
      }
    }
    #expect(applied > 100)
    // Into the same gap, or over the same words, only one.
    let insertion = WordEdit(range: 2..<2, replacement: [[1]])
    #expect(insertion.conflicts(with: WordEdit(range: 2..<2, replacement: [[2]])))
    #expect(insertion.conflicts(with: WordEdit(range: 1..<3, replacement: [])))
    #expect(!insertion.conflicts(with: WordEdit(range: 3..<4, replacement: [])))
  }

  @Test func wordsThatMatch() {
    func matches(_ a: String, _ b: String) -> [Int] {
      BestHypotheses.matches(a.split(separator: " "), b.split(separator: " "))
    }
    #expect(matches("A B C", "A X C") == [0, 2])
    #expect(matches("A B C", "B C D") == [1, 2])
    #expect(matches("A", "").isEmpty && matches("", "A").isEmpty)
  }
}

@Suite("A model folder with language models")
struct LanguageModelFolderTests {
  /// A tiny model's folder whose model.json names a language model for the edge.
  private func folder(file: String = "edge.ngrams") throws -> String {
    let folder = try Golden.copy("subwords")
    let bytes = Data(try Golden.languageModelBytes("order2"))
    try bytes.write(to: URL(fileURLWithPath: folder + "/edge.ngrams"))
    let url = URL(fileURLWithPath: folder + "/model.json")
    var json = try #require(
      JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
    json["languageModels"] = [
      "edge": ["file": file, "sha256": Self.digest]
    ]
    try JSONSerialization.data(withJSONObject: json).write(to: url)
    return folder
  }
  private static let digest = "e921e59a8deee7bc29c86317a729ddd7dc2dc7863811d90a8c8a94cc49c13e77"

  @Test func loadsWhatModelJsonVouchesFor() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let model = try Model.load(directory: folder, parts: .edge)
    let fusion = try WordFusion.make(model: model, side: .edge, decoder: .ctc)
    #expect(fusion?.hasLanguageModel == true)
    #expect(try WordFusion.make(model: model, side: .device, decoder: .ctc) == nil)
    #expect(try WordFusion.make(model: model, side: nil, decoder: .ctc) == nil)

    let path = folder + "/edge.ngrams"
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(fileURLWithPath: path))
    #expect(throws: ModelError.self) {
      try WordFusion.make(model: model, side: .edge, decoder: .ctc)
    }
    try FileManager.default.removeItem(atPath: path)
    #expect(throws: ModelError.missingFile(path: path)) {
      try WordFusion.make(model: model, side: .edge, decoder: .ctc)
    }
  }

  @Test func aFileOutsideTheFolderIsRefused() throws {
    let folder = try folder(file: "../edge.ngrams")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(throws: ModelError.self) { try Model.load(directory: folder, parts: .device) }
  }

  @Test func tunedWeightsAreUsed() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(try DecodingSettings.load(directory: folder).entries.isEmpty)
    var settings = DecodingSettings()
    let weights = SearchWeights(languageModel: 0.25, wordBonus: 1.5)
    for value in [SearchWeights(), weights] {
      settings.set(
        .init(
          languageModel: "edge", decoder: .ctc, weights: value, tunedOn: "dev", beamWidth: 8,
          wordErrorRate: 0.3))
    }
    #expect(settings.entries.count == 1)
    let url = URL(fileURLWithPath: folder + "/" + DecodingSettings.fileName)
    try settings.json().write(to: url)
    let model = try Model.load(directory: folder, parts: .edge)
    #expect(try WordFusion.make(model: model, side: .edge, decoder: .ctc)?.weights == weights)
    #expect(
      try WordFusion.make(model: model, side: .edge, decoder: .fused)?.weights == SearchWeights())
    try Data(#"{"version": 9, "entries": []}"#.utf8).write(to: url)
    #expect(throws: DecodingSettingsError.self) {
      try WordFusion.make(model: model, side: .edge, decoder: .ctc)
    }
  }
}
