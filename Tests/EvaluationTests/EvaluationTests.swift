import Foundation
import Simulation
import Testing

@testable import Evaluation

@Suite("Word errors")
struct WordErrorsTests {
  @Test(arguments: [
    ("A B C", "A B C", 0, 0, 0), ("A B C", "A X C", 1, 0, 0), ("A B C", "A C", 0, 1, 0),
    ("A B C", "A B X C", 0, 0, 1), ("", "A B", 0, 0, 2), ("A B", "", 0, 2, 0), ("", "", 0, 0, 0),
    ("A B", "X A", 2, 0, 0), ("ONE TWO THREE FOUR", "TWO THREE FIVE FOUR", 0, 1, 1),
  ])
  func counts(reference: String, hypothesis: String, s: Int, d: Int, i: Int) {
    let errors = WordErrors(reference: reference, hypothesis: hypothesis)
    #expect(errors.errors == s + d + i)
    #expect(errors.words == reference.split(separator: " ").count)
    // Deletions minus insertions is fixed by the lengths, whatever the alignment.
    #expect(errors.deletions - errors.insertions == d - i)
    #expect(errors.substitutions == s)
  }

  @Test("Never more errors than words in both, never fewer than the lengths differ")
  func bounds() {
    for seed in 0..<500 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      func words() -> [String] {
        (0..<Int.random(in: 0...8, using: &random)).map { _ in
          ["A", "B", "C"][Int.random(in: 0..<3, using: &random)]
        }
      }
      let (a, b) = (words(), words())
      let errors = WordErrors(
        reference: a.joined(separator: " "), hypothesis: b.joined(separator: " "))
      #expect(errors.errors >= abs(a.count - b.count), "seed \(seed)")
      #expect(errors.errors <= max(a.count, b.count), "seed \(seed)")
      #expect(errors.substitutions + errors.deletions <= a.count, "seed \(seed)")
      // Of what is the same nothing is wrong, and of what is not something is.
      #expect((errors.errors == 0) == (a == b), "seed \(seed)")
    }
  }

  @Test func rateIsUndefinedWithoutWords() {
    #expect(WordErrors(reference: "", hypothesis: "A").rate == nil)
    #expect(WordErrors(reference: "A B", hypothesis: "A").rate == 0.5)
  }
}

@Suite("Bootstrap")
struct BootstrapTests {
  @Test("The interval holds the rate, narrows with more utterances, and a seed repeats it")
  func interval() throws {
    func utterances(_ count: Int) -> [WordErrors] {
      (0..<count).map {
        WordErrors(reference: "A B C D", hypothesis: $0 % 4 == 0 ? "A B C X" : "A B C D")
      }
    }
    let few = try #require(Bootstrap.interval(utterances(40)))
    let many = try #require(Bootstrap.interval(utterances(4_000)))
    #expect(few.low < 0.0625 && few.high > 0.0625)
    #expect(many.low < 0.0625 && many.high > 0.0625)
    #expect(many.high - many.low < few.high - few.low)
    let again = try #require(Bootstrap.interval(utterances(40)))
    #expect(again == few)
    #expect(Bootstrap.interval([]) == nil)
  }
}

@Suite("Manifests")
struct ManifestTests {
  func write(_ text: String) throws -> String {
    let path = NSTemporaryDirectory() + UUID().uuidString + ".tsv"
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return path
  }

  @Test func readsAndFilters() throws {
    let path = try write(
      "path\tset\tsplit\ttext\na.wav\tx\tdev\tONE\n/b.wav\ty\ttest\tTWO WORDS\n")
    defer { try? FileManager.default.removeItem(atPath: path) }
    let all = try Manifest(path: path)
    #expect(all.items.count == 2)
    #expect(all.items[0].path == (path as NSString).deletingLastPathComponent + "/a.wav")
    #expect(all.items[1].path == "/b.wav")
    let dev = try Manifest(path: path, split: "dev")
    #expect(dev.items.map(\.text) == ["ONE"])
    #expect(throws: ManifestError.nothing(path: path, split: "train")) {
      try Manifest(path: path, split: "train")
    }
  }

  @Test func badManifestsAreNamed() throws {
    #expect(throws: ManifestError.unreadable(path: "/nowhere.tsv")) {
      try Manifest(path: "/nowhere.tsv")
    }
    let noText = try write("path\tset\na\tb\n")
    #expect(throws: ManifestError.noColumn(path: noText, column: "text")) {
      try Manifest(path: noText)
    }
    let ragged = try write("path\ttext\na\tA\nb\n")
    #expect {
      try Manifest(path: ragged)
    } throws: {
      "\($0)".contains("line 3")
    }
    let empty = try write("")
    #expect(throws: ManifestError.empty(path: empty)) { try Manifest(path: empty) }
    for path in [noText, ragged, empty] { try FileManager.default.removeItem(atPath: path) }
  }
}
