import Models
import Tensors

/// An early exit: optionally one attention layer (2105.09121), then a projection onto the vocabulary.
struct ExitHead: Sendable {
  let attention: Attention?
  let normalization: LayerNorm?
  let projection: Linear
  let afterBlock: Int

  init(
    _ reader: WeightsReader, index: Int, exit: ModelConfiguration.Exit, dimension: Int,
    vocabulary: Int
  ) throws(ModelError) {
    let prefix = "encoder.exits.\(index)"
    afterBlock = exit.afterBlock
    if exit.head == .attention {
      attention = try Attention(
        reader, prefix: prefix + ".attention", dimension: dimension, heads: exit.heads ?? 1)
      normalization = try reader.layerNorm(prefix + ".normalization", dimension)
    } else {
      attention = nil
      normalization = nil
    }
    projection = try reader.linear(prefix + ".projection", vocabulary, dimension)
  }

  func makeState(_ encoder: ModelConfiguration.Encoder) -> Attention.State? {
    attention.map {
      Attention.State(
        $0, contextFrames: encoder.leftChunks * encoder.chunkFrames,
        chunkFrames: encoder.chunkFrames)
    }
  }

  /// Log posteriors `[rows, V]` of one chunk of the block's output `[rows, dimension]`, appended to `out`.
  func append(
    _ frames: UnsafePointer<Float>, rows: Int, state: Attention.State?, workspace: Workspace,
    to out: inout [Float]
  ) {
    let d = projection.inputs
    let vocabulary = projection.outputs
    let x = workspace.floats(5, count: rows * d)
    x.update(from: frames, count: rows * d)
    if let attention, let normalization {
      attention.add(to: x, rows: rows, state: state, workspace: workspace)
      normalization.apply(x, rows: rows, into: x)
    }
    let scores = workspace.floats(6, count: rows * vocabulary)
    projection.apply(x, rows: rows, into: scores)
    applyLogSoftmax(scores, rows: rows, columns: vocabulary)
    out.append(contentsOf: UnsafeBufferPointer(start: scores, count: rows * vocabulary))
  }
}
