import Conformer
import Foundation
import Models
import Testing

@testable import Decoding

let letters = try! Vocabulary(
  json: Data(#"{"kind":"characters","tokens":["<blank>","▁","A","B"]}"#.utf8), path: "test")

/// Log posteriors from rows of probabilities.
func logs(_ rows: [[Double]]) -> [Float] {
  rows.flatMap { row in
    let sum = row.reduce(0, +)
    return row.map { Float(log($0 / sum)) }
  }
}

func randomPosteriors(frames: Int, seed: inout SystemRandomNumberGenerator) -> [Float] {
  logs(
    (0..<frames).map { _ in (0..<4).map { _ in pow(Double.random(in: 0.01...1, using: &seed), 3) } }
  )
}

/// Sums over every alignment of `frames` frames, the definition itself.
func bruteForce(_ values: [Float], frames: Int) -> [[Int]: Double] {
  var sums: [[Int]: Double] = [:]
  for code in 0..<Int(pow(4, Double(frames))) {
    var rest = code
    var score = 0.0
    var tokens: [Int] = []
    var previous = 0
    for frame in 0..<frames {
      let label = rest % 4
      rest /= 4
      score += Double(values[frame * 4 + label])
      if label != previous && label != 0 { tokens.append(label) }
      previous = label
    }
    sums[tokens, default: 0] += exp(score)
  }
  return sums
}

@Suite("CTC search")
struct CTCSearchTests {
  @Test func greedyCollapses() {
    let values = logs([
      [0.1, 0.1, 5, 0.1], [0.1, 0.1, 5, 0.1], [5, 0.1, 0.1, 0.1], [0.1, 0.1, 5, 0.1],
      [0.1, 5, 0.1, 0.1], [0.1, 0.1, 0.1, 5],
    ])
    let result = CTCSearch.greedy(values, vocabulary: letters)
    #expect(result.hypothesis.text == "AA B")
    #expect(result.frames == 6)
  }

  @Test("The forward algorithm equals the sum over all alignments")
  func forward() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<20 {
      let values = randomPosteriors(frames: 5, seed: &generator)
      for (tokens, probability) in bruteForce(values, frames: 5) {
        #expect(abs(exp(CTCSearch.forward(tokens, values, size: 4)) - probability) < 1e-6)
      }
    }
  }

  @Test("A wide beam finds the most probable transcript, with its probability")
  func beam() throws {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<20 {
      let values = randomPosteriors(frames: 5, seed: &generator)
      let best = try #require(bruteForce(values, frames: 5).max { $0.value < $1.value })
      let found = try #require(CTCSearch.beam(values, vocabulary: letters, beam: 200).first)
      #expect(found.tokens == best.key)
      #expect(abs(exp(found.logProbability) - best.value) < 1e-6)
    }
  }

  @Test func confidenceFollowsCertainty() {
    let sure = CTCSearch.greedy(
      logs([[1, 0.001, 0.001, 0.001], [0.001, 0.001, 1, 0.001]]), vocabulary: letters)
    let unsure = CTCSearch.greedy(
      logs([[1, 0.9, 0.8, 0.7], [0.7, 0.8, 1, 0.9]]), vocabulary: letters)
    #expect(sure.frameEntropy < 0.1 && unsure.frameEntropy > 1)
    #expect(sure.sentencePosterior > 0.9 && unsure.sentencePosterior < 0.6)
  }

  @Test func nothingFromNothing() {
    let result = CTCSearch.greedy([], vocabulary: letters)
    #expect(result.hypothesis.tokens.isEmpty && result.sentencePosterior == 0)
    #expect(CTCSearch.beam([], vocabulary: letters, beam: 4).first?.tokens == [])
  }
}

@Suite("Vocabulary")
struct VocabularyTests {
  @Test func text() {
    #expect(letters.text([1, 2, 3, 1, 1, 2, 1]) == "AB A")
    #expect(letters.text([]) == "")
  }

  @Test(arguments: [
    #"{}"#, #"{"kind":"characters","tokens":[]}"#, #"{"kind":"characters","tokens":["A","B"]}"#,
    #"{"kind":"characters","tokens":["<blank>","A","A"]}"#,
    #"{"kind":"runes","tokens":["<blank>","A"]}"#, #"{"kind":"subwords","tokens":["<blank>",""]}"#,
  ])
  func refuses(json: String) {
    #expect(throws: ModelError.self) {
      try Vocabulary(json: Data(json.utf8), path: "vocabulary.json")
    }
  }
}
