import Foundation
import Testing

@testable import Decoding

@Suite("Language model")
struct LanguageModelTests {
  struct Scored: Decodable {
    var file: String
    var text: String
    var logProbabilities: [Double]
  }

  @Test("Every word of the frozen sentences scores as it does in Python")
  func golden() throws {
    let json = try Data(contentsOf: URL(fileURLWithPath: "\(Golden.folder)/language/scores.json"))
    let records = try JSONDecoder().decode([Scored].self, from: json)
    #expect(Set(records.map(\.file)).count == 4)
    for record in records {
      let model = try LanguageModel(path: "\(Golden.folder)/language/\(record.file)")
      var context = model.start
      let words = record.text.split(separator: " ").map { model.number(of: String($0)) }
      let scores = (words + [LanguageModel.sentenceEnd]).map { word in
        defer { context = context.appending(word) }
        return model.logProbability(word, after: context)
      }
      #expect(scores.count == record.logProbabilities.count)
      for (found, expected) in zip(scores, record.logProbabilities) {
        #expect(abs(found - expected) < 2e-5, "\(record.file): \(record.text)")
      }
    }
  }

  @Test func everyWordHasItsNumber() throws {
    let model = try Golden.languageModel("order3")
    for number in 3..<model.wordCount {
      #expect(model.number(of: model.word(UInt16(number))) == UInt16(number))
    }
    for stranger in ["SUBMARINE", "", "Z", "ZZZZ", "'", "stop", "STO", "STOPP", "É"] {
      #expect(model.number(of: stranger) == LanguageModel.unknown)
    }
  }

  @Test func theTreeKnowsEveryWordAndItsBest() throws {
    let model = try Golden.languageModel("order2")
    let trie = WordTrie(model)
    for number in 3..<model.wordCount {
      var node = WordTrie.root
      for byte in model.spelling(number) {
        #expect(trie.best(at: node) >= model.logUnigram(number))
        node = trie.child(of: node, Spelling.symbol(byte))
        try #require(node != WordTrie.outside)
      }
      #expect(trie.word(at: node) == UInt16(number))
    }
    #expect(trie.child(of: WordTrie.root, Spelling.space) == WordTrie.outside)
    #expect(trie.child(of: WordTrie.outside, 3) == WordTrie.outside)
  }

  @Test func truncatedFilesAreRefused() throws {
    let whole = try Golden.languageModelBytes("letters")
    #expect(throws: Never.self) { try LanguageModel(bytes: whole) }
    for length in 0..<whole.count {
      #expect(throws: LanguageModelError.self) { try LanguageModel(bytes: Array(whole[..<length])) }
    }
    #expect(throws: LanguageModelError.self) { try LanguageModel(bytes: whole + [0]) }
  }

  /// Asks a model that was let in for everything that a search could ask.
  private func exercise(_ model: LanguageModel, _ generator: inout SeededGenerator) {
    let trie = WordTrie(model)
    #expect(trie.count > 0)
    for _ in 0..<50 {
      var context = Bool.random(using: &generator) ? model.start : LanguageModel.Context()
      for _ in 0..<4 {
        let word = UInt16.random(in: 0..<UInt16(model.wordCount), using: &generator)
        #expect(model.logProbability(word, after: context).isFinite)
        #expect(!model.word(word).isEmpty)
        context = context.appending(word)
      }
    }
  }

  @Test("A changed file is refused or is another valid model, never a crash")
  func bitFlips() throws {
    var generator = SeededGenerator(seed: 7)
    var accepted = 0
    for name in ["letters", "order4"] {
      let whole = try Golden.languageModelBytes(name)
      for round in 0..<1_500 {
        var changed = whole
        for _ in 0...(round % 3) {
          // Mostly where the structure lies, not the codebooks.
          let place = Int.random(in: 0..<changed.count, using: &generator)
          changed[round % 4 == 0 ? place % 64 : place] ^=
            1 << UInt8.random(in: 0...7, using: &generator)
        }
        if let model = try? LanguageModel(bytes: changed) {
          accepted += 1
          exercise(model, &generator)
        }
      }
    }
    #expect(accepted > 100)
  }

  @Test("A valid header before random bytes")
  func randomBytes() throws {
    var generator = SeededGenerator(seed: 11)
    let whole = try Golden.languageModelBytes("letters")
    for round in 0..<1_000 {
      let keep = round % 2 == 0 ? 64 : Int.random(in: 0..<whole.count, using: &generator)
      let changed =
        whole[..<keep]
        + (keep..<whole.count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      if let model = try? LanguageModel(bytes: Array(changed)) { exercise(model, &generator) }
    }
    for size in 0..<200 {
      let noise = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
      #expect(throws: LanguageModelError.self) { try LanguageModel(bytes: noise) }
    }
  }

  @Test("Counts that would need all memory", arguments: [16, 20, 24, 28, 32, 36])
  func absurdCounts(offset: Int) throws {
    var bytes = try Golden.languageModelBytes("letters")
    for i in 0..<4 { bytes[offset + i] = 0xFF }
    #expect(throws: LanguageModelError.self) { try LanguageModel(bytes: bytes) }
  }

  @Test func errorsNameTheFile() throws {
    #expect(throws: LanguageModelError.self) { try LanguageModel(path: "/nowhere/edge.ngrams") }
    do {
      _ = try LanguageModel(bytes: Array("TANDEMLM".utf8), path: "some.ngrams")
      Issue.record("a header alone was accepted")
    } catch {
      #expect("\(error)".contains("some.ngrams") && "\(error)".contains("build it again"))
    }
  }
}
