/// How much each kind of evidence counts in a search; tuned on dev by `tandem-evaluate tune-language-model`.
///
/// A hypothesis is ranked by log P(audio's tokens) + `languageModel` · log P(words) + `wordBonus` · words
/// - `internalLanguageModel` · (what the transducer itself expects of tokens).
public struct SearchWeights: Codable, Sendable, Hashable {
  /// Of the language model; 0 leaves it unasked.
  public var languageModel: Double
  /// Added for each word: a language model alone prefers few words. Natural logarithm.
  public var wordBonus: Double
  /// What a letter of a word costs that the language model lacks, on top of its log P(unknown word), nats. Spelling English letter
  /// by letter costs about 2; the first model's dev errors are fewest with 3.5.
  public var unknownLetter: Double
  /// Of the transducer's internal language model, which is subtracted (HAT, 2003.07705).
  public var internalLanguageModel: Double
  /// Where both heads vote: the transducer's share, 0 (only CTC) to 1 (only the transducer).
  public var transducerShare: Double

  /// The defaults are what was tuned for the first model's CTC head with the edge's language model.
  public init(
    languageModel: Double = 0.4, wordBonus: Double = 1.5, unknownLetter: Double = 3.5,
    internalLanguageModel: Double = 0, transducerShare: Double = 0.5
  ) {
    self.languageModel = languageModel
    self.wordBonus = wordBonus
    self.unknownLetter = unknownLetter
    self.internalLanguageModel = internalLanguageModel
    self.transducerShare = transducerShare
  }

  /// What is wrong with the numbers, if anything is.
  public var problem: String? {
    let bounded: [(String, Double, ClosedRange<Double>)] = [
      ("languageModel", languageModel, 0...10), ("wordBonus", wordBonus, -20...20),
      ("unknownLetter", unknownLetter, 0...20),
      ("internalLanguageModel", internalLanguageModel, 0...10),
      ("transducerShare", transducerShare, 0...1),
    ]
    for (name, value, range) in bounded where !range.contains(value) {
      return "\(name) is \(value), not \(range.lowerBound) to \(range.upperBound)"
    }
    return nil
  }
}
