import ArgumentParser
import Commands
import Conformer
import Decoding

/// What is known of words while decoding.
struct WordOptions: ParsableArguments {
  enum LanguageModelChoice: String, ExpressibleByArgument, CaseIterable {
    case none, device, edge
    var side: Model.LanguageModelSide? {
      switch self {
      case .none: nil
      case .device: .device
      case .edge: .edge
      }
    }
  }

  @Option(help: "The edge path's language model; none too where the model has none.")
  var languageModel = LanguageModelChoice.edge

  @Option(help: "The exits' language model, in a beam search; none decodes them greedily.")
  var exitLanguageModel = LanguageModelChoice.none

  @Option(help: "Weight of the language model; what was tuned for the model if left out.")
  var lmWeight: Double?

  @Option(help: "What a word adds to a hypothesis' score; what was tuned if left out.")
  var wordBonus: Double?

  @Option(
    help: "Allow only the words and phrases of this file, one a line, at the edge and at the exits."
  )
  var lexicon: PathArgument?

  func validate() throws {
    if let lmWeight, !(0...10).contains(lmWeight) {
      throw ValidationError("--lm-weight must be 0 to 10")
    }
    if let wordBonus, !(-20...20).contains(wordBonus) {
      throw ValidationError("--word-bonus must be -20 to 20")
    }
  }

  /// nil leaves the weights to what was tuned.
  func weights(model directory: String, decoder: ModelConfiguration.SecondPassDecoder?) throws
    -> SearchWeights?
  {
    guard lmWeight != nil || wordBonus != nil else { return nil }
    var weights =
      try DecodingSettings.load(directory: directory).weights(
        languageModel: languageModel.side, decoder: decoder ?? .ctc) ?? SearchWeights()
    if let lmWeight { weights.languageModel = lmWeight }
    if let wordBonus { weights.wordBonus = wordBonus }
    return weights
  }
}
