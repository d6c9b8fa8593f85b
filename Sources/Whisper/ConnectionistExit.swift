import Models
import Tensors

/// An early exit: every 50 Hz frame normalized by itself, two neighbors stacked to 25 Hz, and a projection onto the sub-words.
///
/// The normalization comes before the stacking: frames of silence are outliers of the public encoder, and would drown their neighbors.
struct ConnectionistExit: Sendable {
  let afterBlock: Int
  private let norm: LayerNorm
  private let output: Linear

  init(_ reader: WeightsReader, afterBlock: Int, dimension: Int, vocabulary: Int)
    throws(ModelError)
  {
    self.afterBlock = afterBlock
    norm = try reader.layerNorm("exits.\(afterBlock).norm", dimension)
    output = try reader.linear("exits.\(afterBlock).output", vocabulary, 2 * dimension)
  }

  /// Log posteriors `[frames / 2, V]` of `[frames, d]`; an odd last frame is dropped.
  func logPosteriors(_ frames: [Float], workspace: Workspace) -> [Float] {
    let rows = frames.count / output.inputs
    guard rows > 0 else { return [] }
    let normalized = workspace.floats(0, count: rows * output.inputs)
    norm.apply(frames, rows: 2 * rows, into: normalized)
    var out = [Float](repeating: 0, count: rows * output.outputs)
    out.withUnsafeMutableBufferPointer {
      output.apply(normalized, rows: rows, into: $0.baseAddress!)
      applyLogSoftmax($0.baseAddress!, rows: rows, columns: output.outputs)
    }
    return out
  }
}
