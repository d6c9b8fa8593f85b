import Foundation
import Models
import Tensors

/// Multi-head self-attention with rotary positions: chunked with limited left context on the
/// device, over the whole utterance in the second encoder.
struct Attention: Sendable {
  let normalization: LayerNorm
  let query: Linear
  let key: Linear
  let value: Linear
  let output: Linear
  let heads: Int
  let dimension: Int
  /// Rotation a frame of each pair, in radians: 10000^(-2i / headDimension) (RoFormer, 2104.09864).
  private let frequencies: [Double]

  init(_ reader: WeightsReader, prefix: String, dimension: Int, heads: Int) throws(ModelError) {
    self.heads = heads
    self.dimension = dimension
    normalization = try reader.layerNorm(prefix + ".normalization", dimension)
    query = try reader.linear(prefix + ".query", dimension, dimension)
    key = try reader.linear(prefix + ".key", dimension, dimension)
    value = try reader.linear(prefix + ".value", dimension, dimension)
    output = try reader.linear(prefix + ".output", dimension, dimension)
    let headDimension = dimension / heads
    frequencies = (0..<(headDimension / 2)).map {
      pow(10_000, -2 * Double($0) / Double(headDimension))
    }
  }

  /// Rotated keys and values of the frames that later chunks may still see.
  final class State {
    let contextFrames: Int
    var keys: [Float]
    var values: [Float]
    var cached = 0
    var position = 0

    /// `contextFrames` = leftChunks · chunkFrames; `chunkFrames` is the most that one call adds.
    init(_ attention: Attention, contextFrames: Int, chunkFrames: Int) {
      self.contextFrames = contextFrames
      let count = (contextFrames + chunkFrames) * attention.dimension
      keys = Array(repeating: 0, count: count)
      values = Array(repeating: 0, count: count)
    }
  }

  /// x += attention(x). With a state, `rows` frames of one chunk see the cached left context and
  /// one another; without one, `x` is the whole utterance and every frame sees every other.
  func add(to x: UnsafeMutablePointer<Float>, rows: Int, state: State?, workspace: Workspace) {
    let d = dimension
    let normalized = workspace.floats(0, count: rows * d)
    let queries = workspace.floats(1, count: rows * d)
    normalization.apply(x, rows: rows, into: normalized)
    query.apply(normalized, rows: rows, into: queries)
    rotate(queries, rows: rows, from: state?.position ?? 0)
    if let state {
      let seen = state.cached + rows
      state.keys.withUnsafeMutableBufferPointer { keys in
        state.values.withUnsafeMutableBufferPointer { values in
          let newKeys = keys.baseAddress! + state.cached * d
          key.apply(normalized, rows: rows, into: newKeys)
          rotate(newKeys, rows: rows, from: state.position)
          value.apply(normalized, rows: rows, into: values.baseAddress! + state.cached * d)
          attend(
            queries, rows: rows, keys: keys.baseAddress!, values: values.baseAddress!, seen: seen,
            into: normalized, workspace: workspace)
          // Forget the oldest frames that no later chunk may see.
          let drop = max(0, seen - state.contextFrames)
          let keep = seen - drop
          keys.baseAddress!.update(from: keys.baseAddress! + drop * d, count: keep * d)
          values.baseAddress!.update(from: values.baseAddress! + drop * d, count: keep * d)
          state.cached = keep
        }
      }
      state.position += rows
    } else {
      let keys = workspace.floats(2, count: rows * d)
      let values = workspace.floats(3, count: rows * d)
      key.apply(normalized, rows: rows, into: keys)
      rotate(keys, rows: rows, from: 0)
      value.apply(normalized, rows: rows, into: values)
      attend(
        queries, rows: rows, keys: keys, values: values, seen: rows, into: normalized,
        workspace: workspace)
    }
    output.apply(normalized, rows: rows, into: queries)
    addScaled(x, queries, scale: 1, count: rows * d)
  }

  private func attend(
    _ queries: UnsafePointer<Float>, rows: Int, keys: UnsafePointer<Float>,
    values: UnsafePointer<Float>, seen: Int, into out: UnsafeMutablePointer<Float>,
    workspace: Workspace
  ) {
    multiHeadAttention(
      queries, rows: rows, keys: keys, values: values, seen: seen, into: out, dimension: dimension,
      heads: heads, scores: workspace.floats(4, count: rows * seen))
  }

  private func rotate(_ x: UnsafeMutablePointer<Float>, rows: Int, from position: Int) {
    let headDimension = dimension / heads
    let half = headDimension / 2
    for row in 0..<rows {
      for (i, frequency) in frequencies.enumerated() {
        // In double precision: after an hour the angle has eight digits before the point.
        let angle = Double(position + row) * frequency
        let c = Float(cos(angle))
        let s = Float(sin(angle))
        for head in 0..<heads {
          let first = x + row * dimension + head * headDimension + i
          let a = first[0]
          let b = first[half]
          first[0] = a * c - b * s
          first[half] = b * c + a * s
        }
      }
    }
  }
}
