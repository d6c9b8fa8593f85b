import Foundation
import Testing

@testable import Evaluation

@Suite("Lists of recordings as people write them")
struct ManifestFaultTests {
  private func manifest(_ text: String) throws -> Manifest {
    let path = NSTemporaryDirectory() + "tandem-manifest-\(UUID().uuidString).tsv"
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try Manifest(path: path)
  }

  @Test("Lines end as on any system", arguments: ["\n", "\r\n", "\r"])
  func lineEnds(end: String) throws {
    for (head, tail) in [("", end), ("\u{FEFF}", ""), ("", end + end)] {
      let found = try manifest(
        head + ["path\ttext", "/a.wav\tONE", "/b.wav\tTWO"].joined(separator: end) + tail)
      #expect(found.items.map(\.path) == ["/a.wav", "/b.wav"])
      #expect(found.items.map(\.text) == ["ONE", "TWO"])
    }
  }

  @Test("A name of one letter is a name")
  func oneLetter() {
    #expect(throws: ManifestError.unreadable(path: "q")) { try Manifest(path: "q") }
  }

  @Test func whatIsWrongIsNamed() {
    #expect(throws: ManifestError.unreadable(path: "/nowhere.tsv")) {
      try Manifest(path: "/nowhere.tsv")
    }
    #expect(throws: ManifestError.self) { try manifest("path\ttext\r\na.wav\r\n") }
  }

  @Test(
    "References are compared as they are spoken",
    arguments: [
      ("one two", "ONE TWO"), ("Don\u{2019}t stop, please.", "DON'T STOP PLEASE"),
      ("It's \u{201C}fine\u{201D} \u{2013} really!", "IT'S FINE REALLY"),
      ("  A\tB\u{A0}C  ", "A B C"),
      ("well-known", "WELL KNOWN"), ("'quoted' words", "QUOTED WORDS"), ("cafe\u{301}", "CAFÉ"),
      ("...", ""),
    ])
  func spoken(reference: String, transcript: String) {
    let errors = WordErrors(reference: reference, hypothesis: transcript)
    #expect(errors.errors == 0, "\(SpokenWords.words(reference))")
    #expect(errors.words == transcript.split(separator: " ").count)
  }

  @Test func whatIsSpokenOtherwiseCounts() {
    #expect(WordErrors(reference: "one two", hypothesis: "ONE TO").errors == 1)
    #expect(WordErrors(reference: "its", hypothesis: "IT'S").errors == 1)
  }
}
