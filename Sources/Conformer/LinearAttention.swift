import Models
import Tensors

/// Causal linear attention with ReLU features, computed as a recurrence: the streaming form of
/// the "RNNAttention-Performer" of the Practical Conformer (2304.00171). Its
/// state is one matrix a head, however long the utterance. In the second encoder it sees everything.
struct LinearAttention: Sendable {
  let normalization: LayerNorm
  let query: Linear
  let key: Linear
  let value: Linear
  let output: Linear
  let heads: Int
  let dimension: Int
  /// Keeps the denominator away from 0.
  static let featureFloor: Float = 1e-3

  init(_ reader: WeightsReader, prefix: String, dimension: Int, heads: Int) throws(ModelError) {
    self.heads = heads
    self.dimension = dimension
    normalization = try reader.layerNorm(prefix + ".normalization", dimension)
    query = try reader.linear(prefix + ".query", dimension, dimension)
    key = try reader.linear(prefix + ".key", dimension, dimension)
    value = try reader.linear(prefix + ".value", dimension, dimension)
    output = try reader.linear(prefix + ".output", dimension, dimension)
  }

  final class State {
    /// S, `[heads, headDimension, headDimension]`, key feature by value.
    var products: [Float]
    /// z, `[heads, headDimension]`.
    var sums: [Float]
    init(_ attention: LinearAttention) {
      let headDimension = attention.dimension / attention.heads
      products = Array(repeating: 0, count: attention.dimension * headDimension)
      sums = Array(repeating: 0, count: attention.dimension)
    }
  }

  /// x += attention(x). With a state the frames see only what came before; without one, `x` is the
  /// whole utterance and every frame sees all of it.
  func add(to x: UnsafeMutablePointer<Float>, rows: Int, state: State?, workspace: Workspace) {
    let d = dimension
    let normalized = workspace.floats(0, count: rows * d)
    let queries = workspace.floats(1, count: rows * d)
    let keys = workspace.floats(2, count: rows * d)
    let values = workspace.floats(3, count: rows * d)
    normalization.apply(x, rows: rows, into: normalized)
    query.apply(normalized, rows: rows, into: queries)
    key.apply(normalized, rows: rows, into: keys)
    value.apply(normalized, rows: rows, into: values)
    for i in 0..<(rows * d) {
      queries[i] = max(queries[i], 0) + Self.featureFloor
      keys[i] = max(keys[i], 0) + Self.featureFloor
    }
    if let state {
      for row in 0..<rows {
        remember(keys + row * d, values + row * d, in: state)
        recall(queries + row * d, from: state, into: normalized + row * d)
      }
    } else {
      let whole = State(self)
      for row in 0..<rows { remember(keys + row * d, values + row * d, in: whole) }
      for row in 0..<rows { recall(queries + row * d, from: whole, into: normalized + row * d) }
    }
    output.apply(normalized, rows: rows, into: queries)
    addScaled(x, queries, scale: 1, count: rows * d)
  }

  /// S += φ(k) vᵀ and z += φ(k), each head.
  private func remember(
    _ key: UnsafePointer<Float>, _ value: UnsafePointer<Float>, in state: State
  ) {
    let size = dimension / heads
    state.products.withUnsafeMutableBufferPointer { products in
      for i in 0..<dimension {
        let head = i / size
        addScaled(
          products.baseAddress! + i * size, value + head * size, scale: key[i], count: size)
        state.sums[i] += key[i]
      }
    }
  }

  /// φ(q)ᵀ S / (φ(q) · z), each head.
  private func recall(
    _ query: UnsafePointer<Float>, from state: State, into out: UnsafeMutablePointer<Float>
  ) {
    let size = dimension / heads
    out.update(repeating: 0, count: dimension)
    state.products.withUnsafeBufferPointer { products in
      for head in 0..<heads {
        var denominator: Float = 0
        for i in (head * size)..<((head + 1) * size) {
          addScaled(
            out + head * size, products.baseAddress! + i * size, scale: query[i], count: size)
          denominator += query[i] * state.sums[i]
        }
        for i in 0..<size { out[head * size + i] /= denominator }
      }
    }
  }
}
