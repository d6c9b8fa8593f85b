import Testing

@testable import Basics

@Suite("Lines of text from outside")
struct TextLinesTests {
  @Test(
    "LF, CR LF and CR end a line, a byte order mark is none of it, and the last line need not end",
    arguments: [
      "a\nb\n\nc\n", "a\r\nb\r\n\r\nc\r\n", "a\rb\r\rc\r", "\u{FEFF}a\nb\n\nc", "a\r\nb\n\rc",
      "\u{FEFF}a\r\nb\r\n\r\nc",
    ])
  func ends(text: String) throws {
    #expect(try TextLines.text(text.utf8) == ["a", "b", "", "c"])
  }

  @Test func emptyTexts() throws {
    #expect(try TextLines.text("".utf8) == [])
    #expect(try TextLines.text("\u{FEFF}".utf8) == [])
    #expect(try TextLines.text("\n".utf8) == [""])
    #expect(try TextLines.text("\r\n".utf8) == [""])
  }

  @Test func whatIsNoTextIsNamedWithItsLine() {
    let latin: [UInt8] = [0x61, 0x0D, 0x0A, 0xE9, 0x0A]
    #expect(throws: TextLines.Problem.notUTF8(line: 2)) { try TextLines.text(latin) }
    #expect(throws: TextLines.Problem.notUTF8(line: 2)) { try TextLines.whole(latin) }
    let wide: [UInt8] = [0xFF, 0xFE, 0x61, 0x00]
    #expect(throws: TextLines.Problem.wide) { try TextLines.text(wide) }
    #expect(throws: TextLines.Problem.wide) { try TextLines.whole(wide) }
  }

  @Test func aWholeTextLosesItsMarkOnly() throws {
    #expect(try TextLines.whole("\u{FEFF}a\r\nb".utf8) == "a\r\nb")
    #expect(try TextLines.whole("grüße\n".utf8) == "grüße\n")
  }

  @Test("However it is cut, lines put together again with LF are the text")
  func roundTrip() throws {
    for _ in 0..<500 {
      let lines = (0..<Int.random(in: 1...6)).map { _ in
        String((0..<Int.random(in: 0...4)).map { _ in "aé €".randomElement() ?? "a" })
      }
      let ends = ["\n", "\r\n", "\r"]
      // A CR before an LF would be one end: the same one for all.
      let end = ends.randomElement() ?? "\n"
      #expect(try TextLines.text(lines.map { $0 + end }.joined().utf8) == lines)
    }
  }
}

@Suite("Names of files that are no text")
struct PathNameTests {
  @Test func bytesComeBack() {
    for bytes: [UInt8] in [
      Array("plain.wav".utf8), Array("grüße €.wav".utf8), [0xE9, 0x74, 0xE9], [0x61, 0xFF, 0xC3],
      [0xC3, 0xA9, 0xC3], [0xF0, 0x9F, 0x8E],
    ] {
      #expect(PathName.bytes(PathName.string(bytes)) == bytes)
    }
    for _ in 0..<1_000 {
      let bytes = (0..<Int.random(in: 0...12)).map { _ in UInt8.random(in: 1...255) }
      #expect(PathName.bytes(PathName.string(bytes)) == bytes)
    }
  }

  @Test func peopleSeeAReplacement() {
    #expect(PathName.printable(PathName.string([0xE9, 0x2E, 0x77])) == "\u{FFFD}.w")
    #expect(PathName.printable("grüße") == "grüße")
  }
}
