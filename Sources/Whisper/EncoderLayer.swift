import Models
import Tensors

/// One pre-norm block of the encoder: attention over the whole window, then the feed-forward module.
struct EncoderLayer: Sendable {
  let attention: AttentionWeights
  let feedForward: FeedForwardWeights

  init(_ reader: WeightsReader, index: Int, configuration: WhisperConfiguration)
    throws(ModelError)
  {
    let prefix = Self.prefix(index)
    attention = try AttentionWeights(
      reader, prefix: prefix + ".attention", dimension: configuration.dimension,
      heads: configuration.encoder.heads)
    feedForward = try FeedForwardWeights(
      reader, prefix: prefix + ".feedForward", dimension: configuration.dimension,
      width: configuration.encoder.feedForward)
  }

  static func prefix(_ index: Int) -> String { "encoder.layers.\(index)" }

  /// In place on `[rows, d]`.
  func apply(to x: UnsafeMutablePointer<Float>, rows: Int, workspace: Workspace) {
    let d = attention.dimension
    let normalized = workspace.floats(0, count: rows * d)
    let queries = workspace.floats(1, count: rows * d)
    let keys = workspace.floats(2, count: rows * d)
    let values = workspace.floats(3, count: rows * d)
    attention.norm.apply(x, rows: rows, into: normalized)
    attention.query.apply(normalized, rows: rows, into: queries)
    attention.key.apply(normalized, rows: rows, into: keys)
    attention.value.apply(normalized, rows: rows, into: values)
    multiHeadAttention(
      queries, rows: rows, keys: keys, values: values, seen: rows, into: normalized, dimension: d,
      heads: attention.heads, scores: workspace.floats(4, count: rows * rows))
    attention.output.apply(normalized, rows: rows, into: queries)
    addScaled(x, queries, scale: 1, count: rows * d)
    feedForward.add(to: x, rows: rows, workspace: workspace)
  }

  /// Operations a frame where `context` frames are in sight.
  static func operations(_ configuration: WhisperConfiguration, context: Double) -> Double {
    let d = Double(configuration.dimension)
    return 8 * d * d + 4 * d * Double(configuration.encoder.feedForward) + 4 * d * context
  }
}
