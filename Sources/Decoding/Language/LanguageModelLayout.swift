/// The sections of a language-model file, checked once: after `init`, every number in them points at something.
// @unchecked Sendable holds because the pointers lead into `owner`, which is read-only and kept alive here.
struct LanguageModelLayout: @unchecked Sendable {
  static let magic = Array("TANDEMLM".utf8)
  static let version = 1
  static let headerBytes = 64
  static let codes = 256
  static let maximumWords = 65_535
  static let maximumWordBytes = 64

  let order: Int
  let counts: [Int]
  private let owner: LanguageModelBytes
  private let base: UnsafeRawPointer
  private let wordOffsets: Int
  private let wordText: Int
  /// Byte offsets by level (order - 1). 0 where a level lacks the section, which is never asked for.
  private let probabilityBooks: [Int]
  private let backoffBooks: [Int]
  private let words: [Int]
  private let probabilities: [Int]
  private let backoffs: [Int]
  private let children: [Int]

  init(_ owner: LanguageModelBytes, path: String) throws(LanguageModelError) {
    func fail(_ reason: String) -> LanguageModelError { .malformed(path: path, reason: reason) }
    let bytes = owner.bytes
    guard bytes.count >= Self.headerBytes, let base = bytes.baseAddress else {
      throw fail("it has \(bytes.count) bytes, fewer than its header")
    }
    guard bytes.prefix(8).elementsEqual(Self.magic) else {
      throw fail("it does not begin with TANDEMLM")
    }
    func header(_ offset: Int) -> Int { Self.word32(base, offset) }
    guard header(8) == Self.version else {
      throw fail("it has version \(header(8)); this program reads version \(Self.version)")
    }
    let order = header(12)
    guard (1...LanguageModel.maximumOrder).contains(order) else {
      throw fail("its order is \(order), not 1 to \(LanguageModel.maximumOrder)")
    }
    let wordCount = header(16)
    guard (3...Self.maximumWords).contains(wordCount) else {
      throw fail("it has \(wordCount) words, not 3 to \(Self.maximumWords)")
    }
    let textBytes = header(20)
    var counts: [Int] = []
    for level in 0..<LanguageModel.maximumOrder {
      let count = header(24 + 4 * level)
      guard level < order || count == 0 else {
        throw fail("it counts n-grams of order \(level + 1), but its order is \(order)")
      }
      if level < order { counts.append(count) }
    }
    guard counts[0] == wordCount else {
      throw fail("it has \(wordCount) words but \(counts[0]) unigrams")
    }

    // 32-bit counts of at most eight bytes each: the sums fit into 64 bits.
    var end = Self.headerBytes
    func take(_ size: Int) -> Int {
      let start = end
      end += (size + 7) / 8 * 8
      return start
    }
    let books = take(4 * Self.codes * (2 * order - 1))
    let wordOffsets = take(4 * (wordCount + 1))
    let wordText = take(textBytes)
    var words: [Int] = []
    var probabilities: [Int] = []
    var backoffs: [Int] = []
    var children: [Int] = []
    for level in 0..<order {
      words.append(level > 0 ? take(2 * counts[level]) : 0)
      probabilities.append(take(counts[level]))
      backoffs.append(level < order - 1 ? take(counts[level]) : 0)
      children.append(level < order - 1 ? take(4 * (counts[level] + 1)) : 0)
    }
    let declared = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: 40, as: UInt64.self))
    guard end == bytes.count, declared == UInt64(end) else {
      throw fail(
        "it has \(bytes.count) bytes, its header implies \(end): it is truncated or changed")
    }

    self.owner = owner
    self.base = base
    self.order = order
    self.counts = counts
    self.wordOffsets = wordOffsets
    self.wordText = wordText
    self.words = words
    self.probabilities = probabilities
    self.backoffs = backoffs
    self.children = children
    probabilityBooks = (0..<order).map { books + 4 * Self.codes * $0 }
    backoffBooks = (0..<order).map { books + 4 * Self.codes * (order + $0) }

    for number in 0..<(Self.codes * (2 * order - 1)) {
      let value = Self.float(base, books + 4 * number)
      guard value.isFinite, abs(value) <= 1_000, number >= Self.codes * order || value <= 0 else {
        throw fail("value \(number) of its codebooks is no logarithm of a probability or a weight")
      }
    }
    try checkWords(textBytes: textBytes, path: path)
    for level in 1..<max(order, 1) { try checkChildren(level: level, path: path) }
  }

  private func checkWords(textBytes: Int, path: String) throws(LanguageModelError) {
    var previous = 0
    guard Self.word32(base, wordOffsets) == 0 else {
      throw .malformed(path: path, reason: "its first word does not begin at 0")
    }
    for number in 0..<counts[0] {
      let end = Self.word32(base, wordOffsets + 4 * (number + 1))
      guard end > previous, end <= textBytes, end - previous <= Self.maximumWordBytes else {
        throw .malformed(path: path, reason: "word \(number) has no proper length")
      }
      previous = end
    }
    guard previous == textBytes else {
      throw .malformed(path: path, reason: "its words have \(previous) bytes, not \(textBytes)")
    }
    for (number, name) in ["<unk>", "<s>", "</s>"].enumerated()
    where !word(number).elementsEqual(name.utf8) {
      throw .malformed(path: path, reason: "word \(number) is not \(name)")
    }
    for number in 3..<max(3, counts[0]) {
      guard word(number).allSatisfy({ Spelling.symbol($0) < Spelling.space }) else {
        throw .malformed(path: path, reason: "word \(number) has other letters than A-Z and '")
      }
      guard number == 3 || word(number - 1).lexicographicallyPrecedes(word(number)) else {
        throw .malformed(path: path, reason: "word \(number) is out of order")
      }
    }
  }

  /// The n-grams of `level` lie in the order of their contexts, each context's by word.
  private func checkChildren(level: Int, path: String) throws(LanguageModelError) {
    let place = "order \(level + 1)"
    var start = 0
    guard Self.word32(base, children[level - 1]) == 0 else {
      throw .malformed(path: path, reason: "\(place) does not begin at 0")
    }
    for parent in 0..<counts[level - 1] {
      let end = Self.word32(base, children[level - 1] + 4 * (parent + 1))
      guard end >= start, end <= counts[level] else {
        throw .malformed(path: path, reason: "\(place): context \(parent) has no proper range")
      }
      var previous = -1
      for child in start..<end {
        let word = Int(Self.word16(base, words[level] + 2 * child))
        guard word > previous, word < counts[0] else {
          throw .malformed(path: path, reason: "\(place): n-gram \(child) has no proper word")
        }
        previous = word
      }
      start = end
    }
    guard start == counts[level] else {
      throw .malformed(path: path, reason: "\(place) has n-grams without a context")
    }
  }

  /// Letters of a word.
  func word(_ number: Int) -> UnsafeRawBufferPointer {
    let start = Self.word32(base, wordOffsets + 4 * number)
    let end = Self.word32(base, wordOffsets + 4 * (number + 1))
    return UnsafeRawBufferPointer(start: base + wordText + start, count: end - start)
  }

  @inline(__always) func logProbability(level: Int, _ place: Int) -> Float {
    let code = base.load(fromByteOffset: probabilities[level] + place, as: UInt8.self)
    return Self.float(base, probabilityBooks[level] + 4 * Int(code))
  }

  @inline(__always) func logBackoff(level: Int, _ place: Int) -> Float {
    let code = base.load(fromByteOffset: backoffs[level] + place, as: UInt8.self)
    return Self.float(base, backoffBooks[level] + 4 * Int(code))
  }

  /// The n-gram at `level + 1` that continues `node` of `level` with `word`.
  @inline(__always) func child(of node: Int, level: Int, word: UInt16) -> Int? {
    var low = Self.word32(base, children[level] + 4 * node)
    let end = Self.word32(base, children[level] + 4 * (node + 1))
    var high = end
    while low < high {
      let middle = (low + high) / 2
      if Self.word16(base, words[level + 1] + 2 * middle) < word {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low < end && Self.word16(base, words[level + 1] + 2 * low) == word ? low : nil
  }

  @inline(__always) private static func word32(_ base: UnsafeRawPointer, _ offset: Int) -> Int {
    Int(UInt32(littleEndian: base.load(fromByteOffset: offset, as: UInt32.self)))
  }

  @inline(__always) private static func word16(_ base: UnsafeRawPointer, _ offset: Int) -> UInt16 {
    UInt16(littleEndian: base.load(fromByteOffset: offset, as: UInt16.self))
  }

  @inline(__always) private static func float(_ base: UnsafeRawPointer, _ offset: Int) -> Float {
    Float(bitPattern: UInt32(littleEndian: base.load(fromByteOffset: offset, as: UInt32.self)))
  }
}
