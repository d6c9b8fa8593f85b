import Models

extension Model: SpeechModel {
  public var name: String { configuration.name }
  public var exitVocabulary: Vocabulary? { vocabulary }
  public var exitDepths: [Int] { configuration.encoder.exits.map(\.afterBlock) }
  public var chunkFrames: Int { configuration.encoder.chunkFrames }
  public var isStreaming: Bool { true }
  public var maximumFrames: Int? { nil }

  public func makeEncoder(firstLayer: Int, depth: Int) -> any SpeechEncoder {
    UtteranceEncoder(model: self, firstLayer: firstLayer, depth: depth)
  }

  public var work: ModelWork {
    let encoder = configuration.encoder
    let d = Double(encoder.dimension)
    let context = (encoder.leftChunks + 1) * encoder.chunkFrames
    let bins = Double(configuration.features.melBins)
    let channels = Double(configuration.subsampling.channels)
    // Two multiply-adds' worth a weight; four spectra of 512 points an encoder frame.
    let spectrum = 4 * 2.5 * 512 * 9
    let first = 2 * 2 * (bins / 2) * channels * 9
    let second = 2 * (bins / 4) * channels * channels * 9
    let projection = 2 * d * channels * bins / 4
    let vocabulary = Double(vocabularySize)
    var secondPass = 0.0
    if let second = configuration.secondEncoder, let transducer = configuration.transducer {
      // Attention over an utterance of about ten seconds.
      secondPass = second.blocks.reduce(2 * d * Double(second.dimension)) {
        $0 + $1.operations(dimension: second.dimension, context: 250)
      }
      secondPass += 2 * Double(transducer.joiner) * (Double(second.dimension) + 2 * vocabulary)
    }
    return ModelWork(
      frontEnd: spectrum + first + second + projection,
      blocks: encoder.blocks.map { $0.operations(dimension: encoder.dimension, context: context) },
      exit: 2 * d * vocabulary, secondPass: secondPass)
  }
}

extension ModelConfiguration.Block {
  /// Operations a frame: two feed-forward modules (8 d f), the convolution module (pointwise 4 d² and 2 d², depthwise 2 d K) and,
  /// where the block mixes frames, four projections (8 d²) and scores with their weighted sum (4 d context).
  /// - Parameters:
  ///   - dimension: d, the model's width.
  ///   - context: frames that a frame attends to.
  func operations(dimension: Int, context: Int) -> Double {
    let d = Double(dimension)
    let feedForwards = 8 * d * Double(feedForward)
    let convolution = 6 * d * d + 2 * d * Double(kernel)
    let context =
      switch type {
      case .convolution: 0
      case .attention: context
      // A matrix of the head's width squared is updated and read: as if so many frames were in sight.
      case .performer: dimension / max(1, heads ?? 1)
      }
    let mixing = context > 0 ? 8 * d * d + 4 * d * Double(context) : 0
    return feedForwards + convolution + mixing
  }
}

extension UtteranceEncoder: SpeechEncoder {
  public func output(ofExit exit: Int) -> ExitOutput { .posteriors(logPosteriors(exit: exit)) }
}
