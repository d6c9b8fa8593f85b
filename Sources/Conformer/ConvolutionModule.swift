import Models
import Tensors

/// The Conformer's convolution module with layer instead of batch normalisation, so that a chunk
/// gives the same as the whole.
struct ConvolutionModule: Sendable {
  let normalization: LayerNorm
  let pointwise1: Linear
  /// `[kernel, dimension]`: transposed from PyTorch's `[dimension, 1, kernel]`, so that time steps are rows.
  let depthwiseWeight: Tensor
  let depthwiseBias: Tensor
  let innerNormalization: LayerNorm
  let pointwise2: Linear
  let kernel: Int
  let dimension: Int

  init(_ reader: WeightsReader, prefix: String, dimension: Int, kernel: Int) throws(ModelError) {
    self.kernel = kernel
    self.dimension = dimension
    normalization = try reader.layerNorm(prefix + ".normalization", dimension)
    pointwise1 = try reader.linear(prefix + ".pointwise1", 2 * dimension, dimension)
    let depthwise = try reader.tensor(prefix + ".depthwise.weight", [dimension, 1, kernel])
    depthwiseWeight = Tensor(shape: [kernel, dimension]) { out in
      for channel in 0..<dimension {
        for k in 0..<kernel {
          out[k * dimension + channel] = depthwise.values[channel * kernel + k]
        }
      }
    }
    depthwiseBias = try reader.tensor(prefix + ".depthwise.bias", [dimension])
    innerNormalization = try reader.layerNorm(prefix + ".innerNormalization", dimension)
    pointwise2 = try reader.linear(prefix + ".pointwise2", dimension, dimension)
  }

  /// The last `kernel - 1` gated inputs: all that a causal convolution remembers.
  final class State {
    var history: [Float]
    init(_ module: ConvolutionModule) {
      history = Array(repeating: 0, count: (module.kernel - 1) * module.dimension)
    }
  }

  /// x += module(x). With a state the convolution is causal and goes on from it; without one it
  /// is centred and `x` is the whole utterance.
  func add(
    to x: UnsafeMutablePointer<Float>, rows: Int, state: State?, workspace: Workspace
  ) {
    let normalized = workspace.floats(0, count: rows * dimension)
    let doubled = workspace.floats(1, count: rows * 2 * dimension)
    let padded = workspace.floats(2, count: (rows + kernel - 1) * dimension)
    normalization.apply(x, rows: rows, into: normalized)
    pointwise1.apply(normalized, rows: rows, into: doubled)
    let left = state == nil ? (kernel - 1) / 2 : kernel - 1
    gatedLinearUnit(
      doubled, into: padded + left * dimension, rows: rows, columns: dimension)
    if let state {
      padded.update(from: state.history, count: left * dimension)
      state.history.withUnsafeMutableBufferPointer {
        guard let base = $0.baseAddress else { return }
        base.update(from: padded + rows * dimension, count: left * dimension)
      }
    } else {
      padded.update(repeating: 0, count: left * dimension)
      (padded + (left + rows) * dimension).update(
        repeating: 0, count: (kernel - 1 - left) * dimension)
    }
    depthwiseConvolution(
      padded, weight: depthwiseWeight, bias: depthwiseBias, into: normalized, rows: rows)
    innerNormalization.apply(normalized, rows: rows, into: normalized)
    applySiLU(normalized, count: rows * dimension)
    pointwise2.apply(normalized, rows: rows, into: doubled)
    addScaled(x, doubled, scale: 1, count: rows * dimension)
  }
}
