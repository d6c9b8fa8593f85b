import Basics
import Testing

@Suite struct HexadecimalTests {
  @Test func everyByteGoesThereAndBack() {
    let bytes = [UInt8](0...255)
    #expect(bytes.hexadecimal.count == 512)
    #expect(bytes.hexadecimal.hasPrefix("000102") && bytes.hexadecimal.hasSuffix("fdfeff"))
    #expect([UInt8](hexadecimal: bytes.hexadecimal) == bytes)
    #expect([UInt8](hexadecimal: bytes.hexadecimal.uppercased()) == bytes)
    #expect([UInt8]().hexadecimal == "")
  }

  @Test func whatIsNoDigitIsPassedOver() {
    #expect([UInt8](hexadecimal: "") == [])
    #expect([UInt8](hexadecimal: "a") == [])
    #expect([UInt8](hexadecimal: "ab c") == [0xAB])
    #expect([UInt8](hexadecimal: "x1-2") == [0x12])
    // Full-width digits have a value, but are not ours.
    #expect([UInt8](hexadecimal: "１２34") == [0x34])
  }

  @Test func secondsOfADuration() {
    #expect(Duration.milliseconds(-1_500).seconds == -1.5)
    #expect(Duration.seconds(86_400).seconds == 86_400)
    #expect(Duration.nanoseconds(1).seconds == 1e-9)
  }
}
