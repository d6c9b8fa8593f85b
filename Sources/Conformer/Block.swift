import Models
import Tensors

/// One Conformer block: ½ feed-forward, attention (or none), convolution, ½ feed-forward, normalise.
struct Block: Sendable {
  enum Mixing: Sendable {
    case none
    case attention(Attention)
    case linear(LinearAttention)
  }

  let feedForward1: FeedForward
  let mixing: Mixing
  let convolution: ConvolutionModule
  let feedForward2: FeedForward
  let normalization: LayerNorm

  init(
    _ reader: WeightsReader, prefix: String, dimension: Int, block: ModelConfiguration.Block
  ) throws(ModelError) {
    feedForward1 = try FeedForward(
      reader, prefix: prefix + ".feedForward1", dimension: dimension, inner: block.feedForward)
    switch block.type {
    case .convolution:
      mixing = .none
    case .attention:
      mixing = .attention(
        try Attention(
          reader, prefix: prefix + ".attention", dimension: dimension, heads: block.heads ?? 1))
    case .performer:
      mixing = .linear(
        try LinearAttention(
          reader, prefix: prefix + ".attention", dimension: dimension, heads: block.heads ?? 1))
    }
    convolution = try ConvolutionModule(
      reader, prefix: prefix + ".convolution", dimension: dimension, kernel: block.kernel)
    feedForward2 = try FeedForward(
      reader, prefix: prefix + ".feedForward2", dimension: dimension, inner: block.feedForward)
    normalization = try reader.layerNorm(prefix + ".normalization", dimension)
  }

  /// What one causal block remembers between chunks.
  final class State {
    let convolution: ConvolutionModule.State
    let attention: Attention.State?
    let linear: LinearAttention.State?

    init(_ block: Block, encoder: ModelConfiguration.Encoder) {
      convolution = ConvolutionModule.State(block.convolution)
      switch block.mixing {
      case .none:
        attention = nil
        linear = nil
      case .attention(let module):
        attention = Attention.State(
          module, contextFrames: encoder.leftChunks * encoder.chunkFrames,
          chunkFrames: encoder.chunkFrames)
        linear = nil
      case .linear(let module):
        attention = nil
        linear = LinearAttention.State(module)
      }
    }

    /// Floats kept between chunks.
    var count: Int {
      convolution.history.count + (attention.map { $0.keys.count + $0.values.count } ?? 0)
        + (linear.map { $0.products.count + $0.sums.count } ?? 0)
    }
  }

  /// In place on `[rows, dimension]`: the next chunk with a state, the whole utterance without.
  func apply(
    to x: UnsafeMutablePointer<Float>, rows: Int, state: State?, workspace: Workspace
  ) {
    feedForward1.add(to: x, rows: rows, workspace: workspace)
    switch mixing {
    case .none:
      break
    case .attention(let attention):
      attention.add(to: x, rows: rows, state: state?.attention, workspace: workspace)
    case .linear(let linear):
      linear.add(to: x, rows: rows, state: state?.linear, workspace: workspace)
    }
    convolution.add(to: x, rows: rows, state: state?.convolution, workspace: workspace)
    feedForward2.add(to: x, rows: rows, workspace: workspace)
    normalization.apply(x, rows: rows, into: x)
  }
}
