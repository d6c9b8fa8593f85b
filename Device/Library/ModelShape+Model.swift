import Conformer
import Offload

extension ModelShape {
  /// Exits and operations of a model, for the cost predictions.
  public init(_ model: Model) {
    let configuration = model.configuration
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
    let vocabulary = Double(model.vocabularySize)
    func operations(_ block: ModelConfiguration.Block, dimension: Int, context: Int) -> Double {
      let context =
        switch block.type {
        case .convolution: 0
        case .attention: context
        // A matrix of the head's width squared is updated and read: as if so many frames were in sight.
        case .performer: dimension / max(1, block.heads ?? 1)
        }
      return ModelShape.blockOperations(
        dimension: dimension, feedForward: block.feedForward, kernel: block.kernel,
        attentionContext: context)
    }
    var secondPass = 0.0
    if let second = configuration.secondEncoder, let transducer = configuration.transducer {
      // Attention over an utterance of about ten seconds.
      secondPass = second.blocks.reduce(2 * d * Double(second.dimension)) {
        $0 + operations($1, dimension: second.dimension, context: 250)
      }
      secondPass += 2 * Double(transducer.joiner) * (Double(second.dimension) + 2 * vocabulary)
    }
    self.init(
      exits: encoder.exits.enumerated().map {
        ExitPoint(exit: $0.offset + 1, afterBlock: $0.element.afterBlock)
      },
      framesPerSecond: model.framesPerSecond,
      frontEndOperations: spectrum + first + second + projection,
      blockOperations: encoder.blocks.map {
        operations($0, dimension: encoder.dimension, context: context)
      },
      exitOperations: 2 * d * vocabulary, secondPassOperations: secondPass)
  }
}
