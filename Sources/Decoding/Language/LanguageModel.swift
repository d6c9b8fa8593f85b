/// A back-off n-gram model over words, quantised to 8 bits, read where it lies (docs/model-format.md).
///
/// Everything that a lookup relies on is checked when the model is opened, so that a lookup needs no checks
/// and allocates nothing, and a hostile file is an error and nothing worse.
///
/// ```swift
/// let model = try LanguageModel(path: "Models/english/edge.ngrams")
/// let the = model.number(of: "THE")
/// print(model.logProbability(the, after: model.start))
/// ```
public final class LanguageModel: Sendable {
  /// Stands for every word that the model lacks.
  public static let unknown: UInt16 = 0
  public static let sentenceStart: UInt16 = 1
  public static let sentenceEnd: UInt16 = 2
  public static let maximumOrder = 4

  /// The words before the next one, as far back as any order looks.
  public struct Context: Sendable, Hashable {
    // The newest word first; `count` of them are there.
    var newest: UInt16 = 0
    var second: UInt16 = 0
    var third: UInt16 = 0
    var count: UInt8 = 0

    /// Nothing is known of what came before.
    public init() {}

    /// The context after one more word.
    public func appending(_ word: UInt16) -> Context {
      var longer = Context()
      longer.newest = word
      longer.second = newest
      longer.third = second
      longer.count = min(count + 1, 3)
      return longer
    }

    /// Word `index` before the next one; 0 is the newest.
    @inline(__always) subscript(index: Int) -> UInt16 {
      index == 0 ? newest : index == 1 ? second : third
    }
  }

  /// The n of the longest n-grams, 1 to 4.
  public let order: Int
  /// Word numbers run from 0 to this; the first three are special.
  public let wordCount: Int
  /// N-grams of each order, from 1.
  public let counts: [Int]
  private let layout: LanguageModelLayout

  /// Maps and checks a file.
  ///
  /// - Throws: `LanguageModelError`.
  public convenience init(path: String) throws(LanguageModelError) {
    try self.init(LanguageModelBytes(path: path), path: path)
  }

  /// Checks a model that is already in memory; `path` is for the errors.
  public convenience init(bytes: [UInt8], path: String = "in memory") throws(LanguageModelError) {
    try self.init(LanguageModelBytes(copying: bytes), path: path)
  }

  private init(_ bytes: LanguageModelBytes, path: String) throws(LanguageModelError) {
    layout = try LanguageModelLayout(bytes, path: path)
    order = layout.order
    counts = layout.counts
    wordCount = layout.counts[0]
  }

  /// The context at the beginning of a sentence.
  public var start: Context { Context().appending(Self.sentenceStart) }

  /// A word (A-Z and apostrophe) by its number.
  public func word(_ number: UInt16) -> String {
    precondition(Int(number) < wordCount, "the language model has \(wordCount) words")
    return String(decoding: layout.word(Int(number)), as: UTF8.self)
  }

  /// A word's number; `unknown` for words that the model lacks.
  public func number(of word: String) -> UInt16 {
    let wanted = Array(word.utf8)
    var low = 3
    var high = wordCount
    while low < high {
      let middle = (low + high) / 2
      if layout.word(middle).lexicographicallyPrecedes(wanted) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low < wordCount && layout.word(low).elementsEqual(wanted) ? UInt16(low) : Self.unknown
  }

  /// log P(word | context), natural: the longest n-gram that is there, or a shorter one behind the back-off weights of the
  /// contexts that were tried (Katz 1987).
  public func logProbability(_ word: UInt16, after context: Context) -> Double {
    precondition(Int(word) < wordCount, "the language model has \(wordCount) words")
    var backoff = 0.0
    var length = min(Int(context.count), order - 1)
    while length > 0 {
      if let node = find(context, length: length) {
        if let place = layout.child(of: node, level: length - 1, word: word) {
          return backoff + Double(layout.logProbability(level: length, place))
        }
        backoff += Double(layout.logBackoff(level: length - 1, node))
      }
      length -= 1
    }
    return backoff + Double(layout.logProbability(level: 0, Int(word)))
  }

  /// log P(word), natural, whatever came before.
  func logUnigram(_ word: Int) -> Float { layout.logProbability(level: 0, word) }

  func spelling(_ word: Int) -> UnsafeRawBufferPointer { layout.word(word) }

  /// The n-gram of the newest `length` words of a context, at level `length - 1`.
  @inline(__always) private func find(_ context: Context, length: Int) -> Int? {
    let oldest = Int(context[length - 1])
    guard oldest < wordCount else { return nil }
    var node = oldest
    var level = 0
    while level < length - 1 {
      guard let next = layout.child(of: node, level: level, word: context[length - 2 - level])
      else { return nil }
      node = next
      level += 1
    }
    return node
  }
}
