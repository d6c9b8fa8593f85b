import Conformer
import Models

/// What language model and lexicon say of a hypothesis while it grows token by token.
///
/// Words are scored where they end; until then the most probable word that begins so stands in for them, so that a search
/// over sub-words does not drop a hypothesis in the middle of a word and learn too late that it was right.
/// Making one spells the vocabulary and builds the tree of words, a few milliseconds: make it once a model.
public final class WordFusion: Sendable {
  /// Where a hypothesis stands. A value without references: copying costs nothing.
  struct State: Sendable {
    var context: LanguageModel.Context
    /// In the tree of words, `WordTrie.outside` for what no known word begins with.
    var node = WordTrie.root
    var letters: Int32 = 0
    var lexicon = Lexicon.start
    /// Weighted log P of the finished words, bonuses included.
    var finished = 0.0
    /// The same for the word that is under way, as far as can be told.
    var pending = 0.0
    /// log P(unknown word | context).
    var unknown = 0.0

    var score: Double { finished + pending }
  }

  let weights: SearchWeights
  private let spelling: Spelling
  private let model: LanguageModel?
  private let trie: WordTrie?
  private let lexicon: Lexicon?

  /// - Parameters:
  ///   - languageModel: nil leaves words to the acoustic model (and the lexicon).
  ///   - lexicon: nil allows every word.
  public init(
    vocabulary: Vocabulary, languageModel: LanguageModel?, lexicon: Lexicon? = nil,
    weights: SearchWeights = SearchWeights()
  ) {
    spelling = Spelling(vocabulary)
    model = languageModel
    trie = languageModel.map(WordTrie.init)
    self.lexicon = lexicon
    self.weights = weights
  }

  private init(_ other: WordFusion, weights: SearchWeights) {
    spelling = other.spelling
    model = other.model
    trie = other.trie
    lexicon = other.lexicon
    self.weights = weights
  }

  /// The same with other weights; shares everything else.
  public func with(_ weights: SearchWeights) -> WordFusion { WordFusion(self, weights: weights) }

  /// Whether transcripts are held to a lexicon.
  public var isConstrained: Bool { lexicon != nil }
  public var hasLanguageModel: Bool { model != nil }

  var start: State {
    var state = State(context: model?.start ?? LanguageModel.Context())
    expectUnknown(&state)
    return state
  }

  /// The state after one more token; nil where the lexicon has nothing that goes on so.
  func advance(_ state: State, by token: Int) -> State? {
    var state = state
    for index in spelling.range(token) {
      let symbol = spelling[index]
      guard symbol == Spelling.space ? endWord(&state) : add(symbol, to: &state) else {
        return nil
      }
    }
    return state
  }

  /// The score of a whole transcript; nil where the lexicon does not allow it.
  func score(_ tokens: [Int]) -> Double? {
    var state = start
    for token in tokens {
      guard let next = advance(state, by: token) else { return nil }
      state = next
    }
    return finish(state)
  }

  /// The score once the sentence has ended; nil where the lexicon allows no end.
  func finish(_ state: State) -> Double? {
    if let lexicon, !lexicon.accepts(state.lexicon) { return nil }
    var state = state
    closeWord(&state)
    guard let model else { return state.finished }
    return state.finished + weights.languageModel
      * model.logProbability(LanguageModel.sentenceEnd, after: state.context)
  }

  /// Whether the lexicon allows a transcript to end here.
  func mayEnd(_ state: State?) -> Bool {
    guard let lexicon, let state else { return true }
    return lexicon.accepts(state.lexicon)
  }

  private func add(_ symbol: UInt8, to state: inout State) -> Bool {
    if let lexicon {
      guard let next = lexicon.next(state.lexicon, symbol) else { return false }
      state.lexicon = next
    }
    state.letters += 1
    guard let trie else {
      state.pending = weights.wordBonus
      return true
    }
    state.node = trie.child(of: state.node, symbol)
    var expected = unknownWord(state)
    if state.node != WordTrie.outside {
      expected = max(expected, Double(trie.best(at: state.node)))
    }
    state.pending = weights.languageModel * expected + weights.wordBonus
    return true
  }

  private func endWord(_ state: inout State) -> Bool {
    // A space before the first letter, or two of them, end no word.
    guard state.letters > 0 else { return true }
    if let lexicon {
      guard let next = lexicon.next(state.lexicon, Spelling.space) else { return false }
      state.lexicon = next
    }
    closeWord(&state)
    return true
  }

  private func closeWord(_ state: inout State) {
    guard state.letters > 0 else { return }
    if let model, let trie {
      let word = trie.word(at: state.node)
      let logProbability =
        word == LanguageModel.unknown
        ? unknownWord(state) : model.logProbability(word, after: state.context)
      state.finished += weights.languageModel * logProbability
      state.context = state.context.appending(word)
    }
    state.finished += weights.wordBonus
    state.pending = 0
    state.letters = 0
    state.node = WordTrie.root
    expectUnknown(&state)
  }

  private func expectUnknown(_ state: inout State) {
    guard let model else { return }
    state.unknown = model.logProbability(LanguageModel.unknown, after: state.context)
  }

  private func unknownWord(_ state: State) -> Double {
    state.unknown - weights.unknownLetter * Double(state.letters)
  }
}
