import Models
import Tensors

/// A pre-norm attention module's layers; the keys have no bias.
struct AttentionWeights: Sendable {
  let norm: LayerNorm
  let query: Linear
  let key: Linear
  let value: Linear
  let output: Linear
  let heads: Int
  var dimension: Int { query.inputs }

  init(_ reader: WeightsReader, prefix: String, dimension d: Int, heads: Int) throws(ModelError) {
    self.heads = heads
    norm = try reader.layerNorm(prefix + ".norm", d)
    query = try reader.linear(prefix + ".query", d, d)
    key = try reader.linear(prefix + ".key", d, d, hasBias: false)
    value = try reader.linear(prefix + ".value", d, d)
    output = try reader.linear(prefix + ".output", d, d)
  }
}

/// Normalize, widen (fourfold in every published size), exact GELU, narrow.
struct FeedForwardWeights: Sendable {
  let norm: LayerNorm
  let up: Linear
  let down: Linear

  init(_ reader: WeightsReader, prefix: String, dimension d: Int, width: Int) throws(ModelError) {
    norm = try reader.layerNorm(prefix + ".norm", d)
    up = try reader.linear(prefix + ".up", width, d)
    down = try reader.linear(prefix + ".down", d, width)
  }

  /// x += module(x); `x` is `[rows, d]`.
  func add(to x: UnsafeMutablePointer<Float>, rows: Int, workspace: Workspace) {
    let d = up.inputs
    let normalized = workspace.floats(0, count: rows * d)
    let inner = workspace.floats(1, count: rows * up.outputs)
    norm.apply(x, rows: rows, into: normalized)
    up.applyToFew(normalized, rows: rows, into: inner)
    applyGELU(inner, count: rows * up.outputs)
    down.applyToFew(inner, rows: rows, into: normalized)
    addScaled(x, normalized, scale: 1, count: rows * d)
  }
}
