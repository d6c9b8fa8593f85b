import Basics
import Testing

/// Against the vectors of FIPS 180-4 (NIST's "SHA-256 examples" and the Secure Hash Algorithm Validation System).
@Suite struct SHA256Tests {
  static let vectors: [(message: [UInt8], digest: String)] = [
    ([], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (Array("abc".utf8), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8),
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      Array(
        ("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
          + "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu").utf8),
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
    ),
    ([0xBD], "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b"),
    (
      [0xC9, 0x8C, 0x8E, 0x55], "7abc22c0ae5af26ce93dbb94433a0e0b2e119d014f8e7f65bd56c61ccccd9504"
    ),
    // One byte below, at and above the padding's and the block's borders.
    (
      [UInt8](repeating: 0, count: 55),
      "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7"
    ),
    (
      [UInt8](repeating: 0, count: 56),
      "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb"
    ),
    (
      [UInt8](repeating: 0, count: 64),
      "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"
    ),
    (
      [UInt8](repeating: 0x61, count: 1_000_000),
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    ),
  ]

  @Test(arguments: vectors) func atOnce(message: [UInt8], digest: String) {
    #expect(SHA256.hash(of: message).hexadecimal == digest)
    // Storage that is not contiguous goes another way.
    #expect(SHA256.hash(of: message.lazy.map { $0 }).hexadecimal == digest)
  }

  @Test(arguments: vectors) func inPieces(message: [UInt8], digest: String) {
    for size in [1, 3, 63, 64, 65, 4096] where message.count / size < 20_000 {
      var hash = SHA256()
      for start in stride(from: 0, to: message.count, by: size) {
        hash.update(with: message[start..<min(start + size, message.count)])
        hash.update(with: [])
      }
      #expect(hash.finalize().hexadecimal == digest, "pieces of \(size)")
    }
  }

  @Test func copiesAndDigestsOnTheWayLeaveTheMessageAsItWas() {
    var hash = SHA256()
    hash.update(with: "ab".utf8)
    var other = hash
    other.update(with: "other".utf8)
    _ = hash.finalize()
    hash.update(with: "c".utf8)
    #expect(hash.finalize() == SHA256.hash(of: "abc".utf8))
    #expect(other.finalize() == SHA256.hash(of: "abother".utf8))
  }
}
