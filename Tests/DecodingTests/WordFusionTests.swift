import Conformer
import Foundation
import Models
import Testing

@testable import Decoding

/// "▁", "A", "B" with a model of the words A, AB, BA.
private func fusion(
  _ weights: SearchWeights, model: LanguageModel?, lexicon: Lexicon? = nil
) -> WordFusion {
  WordFusion(vocabulary: letters, languageModel: model, lexicon: lexicon, weights: weights)
}

/// What the definition says of a text: weighted log P of its words and its end, and a bonus for each.
private func defined(_ text: String, _ model: LanguageModel, _ weights: SearchWeights) -> Double {
  var context = model.start
  var sum = 0.0
  for word in text.split(separator: " ") {
    let number = model.number(of: String(word))
    var logProbability = model.logProbability(number, after: context)
    if number == LanguageModel.unknown {
      logProbability -= weights.unknownLetter * Double(word.count)
    }
    sum += weights.languageModel * logProbability + weights.wordBonus
    context = context.appending(number)
  }
  return sum + weights.languageModel
    * model.logProbability(LanguageModel.sentenceEnd, after: context)
}

@Suite("Words in a search")
struct WordFusionTests {
  let weights = SearchWeights(languageModel: 0.7, wordBonus: 0.3, unknownLetter: 1.5)

  @Test("However tokens cut a text, it scores as its words do")
  func scoresWords() throws {
    let model = try Golden.languageModel("order3")
    let vocabulary = try Vocabulary(
      json: Data(
        #"{"kind":"subwords","tokens":["<blank>","▁","T","U","R","N","O","▁TU","RN","▁ON","X","é"]}"#
          .utf8), path: "test")
    let fusion = WordFusion(vocabulary: vocabulary, languageModel: model, weights: weights)
    let expected = defined("TURN ON", model, weights)
    for tokens in [[1, 2, 3, 4, 5, 1, 6, 5], [7, 8, 9], [2, 3, 8, 9], [1, 1, 7, 4, 5, 1, 9, 1]] {
      #expect(abs(try #require(fusion.score(tokens)) - expected) < 1e-9)
    }
    #expect(abs(fusion.score([7, 8, 10])! - defined("TURNX", model, weights)) < 1e-9)
    #expect(fusion.score([11, 1, 9]) != nil)
    #expect(abs(fusion.score([])! - defined("", model, weights)) < 1e-9)
  }

  @Test("A word that is under way is never expected to be worse than it turns out without context")
  func lookAhead() throws {
    let model = try Golden.languageModel("letters")
    let fusion = fusion(weights, model: model)
    var state = fusion.start
    for (token, word) in [(2, "A"), (3, "AB")] {
      state = try #require(fusion.advance(state, by: token))
      let unigram = Double(model.logUnigram(Int(model.number(of: word))))
      #expect(state.score >= 0.7 * unigram + 0.3 - 1e-9)
    }
    // What no word begins with is scored as unknown at once.
    let outside = try #require(fusion.advance(state, by: 3))
    let unknown = model.logProbability(LanguageModel.unknown, after: model.start) - 3 * 1.5
    #expect(abs(outside.score - (0.7 * unknown + 0.3)) < 1e-9)
  }

  @Test("A wide beam with a language model finds the best of all transcripts")
  func beamIsExhaustive() throws {
    let model = try Golden.languageModel("letters")
    let fusion = fusion(weights, model: model)
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<20 {
      let values = randomPosteriors(frames: 5, seed: &generator)
      var texts: [String: Double] = [:]
      for (tokens, probability) in bruteForce(values, frames: 5) {
        texts[letters.text(tokens), default: 0] += probability
      }
      let best = try #require(
        texts.map { ($0.key, log($0.value) + defined($0.key, model, weights)) }
          .max { $0.1 < $1.1 })
      let found = CTCSearch.beam(values, vocabulary: letters, beam: 500, fusion: fusion)
      #expect(found[0].text == best.0)
      #expect(abs(found[0].score - best.1) < 1e-4)
      #expect(abs(found.reduce(0) { $0 + ($1.posterior ?? 0) } - 1) < 1e-9)
      #expect(found[0].wordPosteriors.count == found[0].text.split(separator: " ").count)
      #expect(
        found[0].wordPosteriors.allSatisfy { $0 >= (found[0].posterior ?? 1) - 1e-9 && $0 <= 1 })
    }
  }

  @Test("A language model turns a close call, and a heavier one more")
  func changesItsMind() throws {
    let model = try Golden.languageModel("letters")
    // "BB" is a little more probable than "BA" to the ear, and no word.
    let values = logs([
      [0.02, 0.02, 0.02, 1], [1, 0.02, 0.02, 0.02], [0.02, 0.02, 0.45, 0.55],
    ])
    let deaf = fusion(SearchWeights(languageModel: 0, wordBonus: 0), model: model)
    #expect(CTCSearch.beam(values, vocabulary: letters, beam: 8)[0].text == "BB")
    #expect(CTCSearch.beam(values, vocabulary: letters, beam: 8, fusion: deaf)[0].text == "BB")
    #expect(
      CTCSearch.beam(values, vocabulary: letters, beam: 8, fusion: deaf.with(weights))[0].text
        == "BA")
  }

  @Test func cancelling() throws {
    let model = try Golden.languageModel("letters")
    var generator = SystemRandomNumberGenerator()
    let values = randomPosteriors(frames: 50, seed: &generator)
    var asked = 0
    let found = CTCSearch.beam(
      values, vocabulary: letters, beam: 4, fusion: fusion(weights, model: model),
      isCancelled: {
        asked += 1
        return asked > 3
      })
    #expect(asked == 4 && !found.isEmpty && found[0].tokens.count <= 3)
  }

  @Test("One blank behind another is one hypothesis more, not a longer search")
  func bounded() throws {
    let model = try Golden.languageModel("letters")
    var generator = SystemRandomNumberGenerator()
    let values = randomPosteriors(frames: 300, seed: &generator)
    let found = CTCSearch.beam(
      values, vocabulary: letters, beam: 6, fusion: fusion(weights, model: model))
    #expect((1...7).contains(found.count))
  }
}

@Suite("Lexicon")
struct LexiconTests {
  @Test("Only what the list allows, and the best of that")
  func exhaustive() throws {
    let lexicon = try Lexicon(text: "ab\n\n b  a \nA\n")
    #expect(lexicon.count == 3)
    let fusion = WordFusion(
      vocabulary: letters, languageModel: nil, lexicon: lexicon,
      weights: SearchWeights(languageModel: 0, wordBonus: 0))
    func allowed(_ text: String) -> Bool {
      var words = text.split(separator: " ").map(String.init)[...]
      while !words.isEmpty {
        if words[words.startIndex] == "AB" || words[words.startIndex] == "A" {
          words = words.dropFirst()
        } else if words.prefix(2).elementsEqual(["B", "A"]) {
          words = words.dropFirst(2)
        } else {
          return false
        }
      }
      return true
    }
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<20 {
      let values = randomPosteriors(frames: 5, seed: &generator)
      var texts: [String: Double] = [:]
      for (tokens, probability) in bruteForce(values, frames: 5) where allowed(letters.text(tokens))
      {
        texts[letters.text(tokens), default: 0] += probability
      }
      let best = try #require(texts.max { $0.value < $1.value })
      let found = CTCSearch.beam(values, vocabulary: letters, beam: 500, fusion: fusion)
      #expect(found.allSatisfy { allowed($0.text) })
      #expect(found[0].text == best.key)
      #expect(abs(exp(found[0].logProbability) - best.value) < 1e-5)
      // A narrow beam may miss the best, but never leaves the list.
      for width in 1...3 {
        #expect(
          CTCSearch.beam(values, vocabulary: letters, beam: width, fusion: fusion)
            .allSatisfy { allowed($0.text) })
      }
    }
  }

  @Test("A phrase that begins like another is followed as long as both are possible")
  func ambiguity() throws {
    let lexicon = try Lexicon(text: "A\nA B A\nB B")
    func accepts(_ text: String) -> Bool {
      var state = Lexicon.start
      for byte in text.utf8 {
        let symbol = byte == UInt8(ascii: " ") ? Spelling.space : Spelling.symbol(byte)
        guard let next = lexicon.next(state, symbol) else { return false }
        state = next
      }
      return lexicon.accepts(state)
    }
    for text in ["", "A", "A A", "A B A", "A B B", "A A B A", "B B A", "A B A B B"] {
      #expect(accepts(text), "\(text)")
    }
    for text in ["B", "A B", "AB", "B A", "A B A B", " A"] { #expect(!accepts(text), "\(text)") }
  }

  @Test func refuses() {
    #expect(throws: LexiconError.empty(path: "l")) { try Lexicon(text: " \n\n", path: "l") }
    #expect(throws: LexiconError.badLine(path: "l", line: 2)) {
      try Lexicon(text: "ONE\nTWO 2\n", path: "l")
    }
    #expect(throws: LexiconError.unreadable(path: "/nowhere")) { try Lexicon(path: "/nowhere") }
    #expect(throws: LexiconError.tooLarge(path: "l")) {
      try Lexicon(text: String(repeating: "A", count: Lexicon.maximumBytes + 1), path: "l")
    }
  }

  @Test func windowsLineEndsAndTabs() throws {
    let lexicon = try Lexicon(text: "TURN\tON\r\nstop\r\n")
    #expect(lexicon.count == 2)
  }
}
