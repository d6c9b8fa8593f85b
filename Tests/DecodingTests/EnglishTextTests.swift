import Testing

@testable import Decoding

@Suite("English as it is spoken")
struct EnglishTextTests {
  @Test(arguments: [
    ("Hello, World!", "HELLO WORLD"), ("  don\u{2019}t 'quote' me, dogs' ", "DON'T QUOTE ME DOGS"),
    ("", ""), ("...", ""), ("[Music] (laughs) hi", "HI"), ("(unclosed", "UNCLOSED"),
    ("caf\u{e9} na\u{ef}ve \u{4f60}\u{597d}", "CAFE NAIVE"),
    ("Mr. and Mrs. Smith saw Dr. Who, OK?", "MISTER AND MISSUS SMITH SAW DOCTOR WHO OKAY"),
    ("5", "FIVE"), ("0", "ZERO"), ("42", "FORTY TWO"), ("100", "ONE HUNDRED"),
    ("316", "THREE HUNDRED SIXTEEN"),
    ("1,234,567", "ONE MILLION TWO HUNDRED THIRTY FOUR THOUSAND FIVE HUNDRED SIXTY SEVEN"),
    (
      "in 1842, 1800, 1905 and 2005",
      "IN EIGHTEEN FORTY TWO EIGHTEEN HUNDRED NINETEEN OH FIVE AND TWO THOUSAND FIVE"
    ),
    ("the 1840s and the 60s", "THE EIGHTEEN FORTIES AND THE SIXTIES"),
    (
      "1st 2nd 3rd 4th 20th 21st 112th",
      "FIRST SECOND THIRD FOURTH TWENTIETH TWENTY FIRST ONE HUNDRED TWELFTH"
    ),
    ("3.14", "THREE POINT ONE FOUR"), ("50% & more", "FIFTY PERCENT AND MORE"),
    (
      "$5 $1 $2.50 \u{a3}3 $5 million $1.5 million",
      "FIVE DOLLARS ONE DOLLAR TWO DOLLARS AND FIFTY CENTS THREE POUNDS FIVE MILLION DOLLARS ONE POINT FIVE MILLION DOLLARS"
    ),
    ("5:30, 5:05, 5:00", "FIVE THIRTY FIVE OH FIVE FIVE"),
    ("555-1234 07 15213", "FIVE FIVE FIVE TWELVE THIRTY FOUR ZERO SEVEN ONE FIVE TWO ONE THREE"),
    ("9-1-1, ten-year-old, U.S.A.", "NINE ONE ONE TEN YEAR OLD U S A"),
    ("3 4 9", "THREE FOUR NINE"),
    (
      "99999999999999999999999999",
      "NINE NINE NINE NINE NINE NINE NINE NINE NINE NINE NINE NINE NINE NINE NINE NINE NINE NINE NINE NINE NINE NINE NINE NINE NINETY NINE"
    ),
    ("1,23 12,345", "ONE TWENTY THREE TWELVE THOUSAND THREE HUNDRED FORTY FIVE"),
  ])
  func spoken(text: String, expected: String) {
    #expect(EnglishText.spoken(text) == expected)
  }

  @Test func whatIsSpokenStaysAsItIs() {
    for text in ["TURN THE LIGHTS ON", "IT'S O'CLOCK", "TWENTY ONE", "A B C"] {
      #expect(EnglishText.spoken(text) == text)
    }
  }

  @Test func anythingMayCome() {
    // Whatever a decoder writes comes out as capital letters, apostrophes and single spaces, and once more changes nothing.
    var state: UInt64 = 7
    let alphabet = Array("aZ'09,.:-$%&[]() \u{e9}\u{2019}sth\n\u{1F600}")
    for _ in 0..<5_000 {
      let text = String(
        (0..<20).map { _ in
          state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
          return alphabet[Int(state >> 33) % alphabet.count]
        })
      let spoken = EnglishText.spoken(text)
      #expect(spoken.allSatisfy { ("A"..."Z").contains($0) || $0 == "'" || $0 == " " })
      #expect(!spoken.contains("  ") && !spoken.hasPrefix(" ") && !spoken.hasSuffix(" "))
    }
  }
}
