import Foundation
import Models
import Tensors

/// The transducer's predictor and joiner: a stateless embedding predictor (2109.07513) and a
/// factorised blank as in the hybrid autoregressive transducer, HAT (2003.07705).
public struct Transducer: Sendable {
  let embedding: Tensor
  let predictor: Linear
  let encoderProjection: Linear
  let blank: Linear
  let labels: Linear
  /// Tokens of history that the predictor sees.
  public let context: Int
  public let vocabularySize: Int
  public var joinerDimension: Int { predictor.outputs }

  init(
    _ reader: WeightsReader, configuration: ModelConfiguration.Transducer, inputs: Int,
    vocabulary: Int
  ) throws(ModelError) {
    context = configuration.context
    vocabularySize = vocabulary
    let j = configuration.joiner
    embedding = try reader.tensor(
      "transducer.predictor.embedding.weight", [vocabulary, configuration.embedding])
    predictor = try reader.linear(
      "transducer.predictor.projection", j, configuration.context * configuration.embedding)
    encoderProjection = try reader.linear("transducer.joiner.encoder", j, inputs)
    blank = try reader.linear("transducer.joiner.blank", 1, j)
    labels = try reader.linear("transducer.joiner.labels", vocabulary - 1, j)
  }

  /// The encoder's half of the joiner, `[T, joiner]`, for the whole utterance at once.
  public func project(_ second: SecondPass) -> [Float] {
    let rows = second.frameCount
    guard rows > 0 else { return [] }
    var out = [Float](repeating: 0, count: rows * joinerDimension)
    out.withUnsafeMutableBufferPointer {
      encoderProjection.apply(second.frames, rows: rows, into: $0.baseAddress!)
    }
    return out
  }

  /// The predictor's half, `[joiner]`, after the last `context` tokens, oldest first (blank before the start).
  public func predict(_ history: [Int]) -> [Float] {
    precondition(history.count == context, "the predictor sees exactly \(context) tokens")
    let size = embedding.shape[1]
    var input = [Float]()
    input.reserveCapacity(context * size)
    for token in history { input += embedding.values[(token * size)..<((token + 1) * size)] }
    var out = [Float](repeating: 0, count: joinerDimension)
    out.withUnsafeMutableBufferPointer { predictor.apply(input, rows: 1, into: $0.baseAddress!) }
    return out
  }

  /// Log probabilities `[histories, V]`, column 0 the blank: the joiner at one frame for several histories.
  ///
  /// `frame` `[joiner]` comes from `project`, `histories` `[n, joiner]` from `predict`.
  public func join(frame: ArraySlice<Float>, histories: [[Float]]) -> [Float] {
    let j = joinerDimension
    let rows = histories.count
    var hidden = [Float](repeating: 0, count: rows * j)
    for (row, history) in histories.enumerated() {
      var at = frame.startIndex
      for i in 0..<j {
        hidden[row * j + i] = tanh(frame[at] + history[i])
        at += 1
      }
    }
    var blankScores = [Float](repeating: 0, count: rows)
    var labelScores = [Float](repeating: 0, count: rows * (vocabularySize - 1))
    blankScores.withUnsafeMutableBufferPointer {
      blank.apply(hidden, rows: rows, into: $0.baseAddress!)
    }
    labelScores.withUnsafeMutableBufferPointer {
      labels.apply(hidden, rows: rows, into: $0.baseAddress!)
      applyLogSoftmax($0.baseAddress!, rows: rows, columns: vocabularySize - 1)
    }
    var out = [Float]()
    out.reserveCapacity(rows * vocabularySize)
    for row in 0..<rows {
      let b = blankScores[row]
      // log sigmoid(b) and log(1 - sigmoid(b)), without overflow.
      let logBlank = min(b, 0) - log1p(exp(-abs(b)))
      let logLabel = logBlank - b
      out.append(logBlank)
      for v in 0..<(vocabularySize - 1) {
        out.append(logLabel + labelScores[row * (vocabularySize - 1) + v])
      }
    }
    return out
  }
}
