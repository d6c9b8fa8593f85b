extension Sequence<UInt8> {
  /// Two lower-case digits a byte: how fingerprints and ids are written.
  public var hexadecimal: String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}

extension [UInt8] {
  /// The bytes of a fingerprint or id from its digits. What is no digit is passed over, and so is a last digit that
  /// has no second one: fingerprints are compared as a whole, so one that is misspelt is simply another.
  public init(hexadecimal text: String) {
    let digits = text.compactMap { $0.isASCII ? $0.hexDigitValue : nil }
    self = stride(from: 0, to: digits.count - 1, by: 2).map {
      UInt8(digits[$0] * 16 + digits[$0 + 1])
    }
  }
}
