import Models
import Tensors

/// Half a feed-forward module: normalise, expand, SiLU, contract (Conformer, 2005.08100).
struct FeedForward: Sendable {
  let normalization: LayerNorm
  let expand: Linear
  let contract: Linear

  init(_ reader: WeightsReader, prefix: String, dimension: Int, inner: Int) throws(ModelError) {
    normalization = try reader.layerNorm(prefix + ".normalization", dimension)
    expand = try reader.linear(prefix + ".expand", inner, dimension)
    contract = try reader.linear(prefix + ".contract", dimension, inner)
  }

  /// x += ½ module(x); `x` is `[rows, dimension]`.
  func add(to x: UnsafeMutablePointer<Float>, rows: Int, workspace: Workspace) {
    let normalized = workspace.floats(0, count: rows * expand.inputs)
    let inner = workspace.floats(1, count: rows * expand.outputs)
    normalization.apply(x, rows: rows, into: normalized)
    expand.apply(normalized, rows: rows, into: inner)
    applySiLU(inner, count: rows * expand.outputs)
    contract.apply(inner, rows: rows, into: normalized)
    addScaled(x, normalized, scale: 0.5, count: rows * expand.inputs)
  }
}
