import Foundation
import Tensors

extension Transducer {
  /// What the predictor alone expects next, as log probabilities `[V]`: the labels' softmax with nothing from the
  /// encoder, which is how HAT (2003.07705) estimates the language model that training on transcripts left in the transducer. The blank, of
  /// which it says nothing, gets 0.
  ///
  /// - Parameter prediction: `[joiner]`, from `predict`.
  public func internalLanguageModel(_ prediction: [Float]) -> [Float] {
    let labelCount = vocabularySize - 1
    let hidden = prediction.map { tanh($0) }
    var out = [Float](repeating: 0, count: vocabularySize)
    out.withUnsafeMutableBufferPointer {
      labels.apply(hidden, rows: 1, into: $0.baseAddress! + 1)
      applyLogSoftmax($0.baseAddress! + 1, rows: 1, columns: labelCount)
    }
    return out
  }
}
