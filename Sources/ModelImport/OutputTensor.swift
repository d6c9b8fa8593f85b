import Foundation
import Tensors

/// A tensor to be written: rows of the source, and what an adaptation adds to them.
struct OutputTensor: Sendable {
  enum Addition: Sendable {
    /// up [out, r] x down [r, in], from low-rank training (LoRA, 2106.09685).
    case lowRank(up: AdaptationMatrix, down: [Float], rank: Int)
    case matrix(AdaptationMatrix)
  }

  var name: String
  var shape: [Int]
  var base: SourceSlice
  var additions: [Addition] = []

  var rows: Int { shape.first ?? 1 }
  var columns: Int { shape.dropFirst().reduce(1, *) }

  /// Rows in float32; `scratch` has as much room as `out`.
  func read(
    _ rows: Range<Int>, into out: UnsafeMutableBufferPointer<Float>,
    scratch: UnsafeMutableBufferPointer<Float>
  ) {
    base.read(rows, into: out)
    guard let target = out.baseAddress, let extra = scratch.baseAddress else { return }
    for addition in additions {
      switch addition {
      case .lowRank(let up, let down, let rank):
        var part = [Float](repeating: 0, count: rows.count * rank)
        part.withUnsafeMutableBufferPointer { up.read(rows, into: $0) }
        matrixProduct(part, down, into: extra, rows: rows.count, columns: columns, inner: rank)
      case .matrix(let matrix):
        matrix.read(rows, into: scratch)
      }
      addScaled(target, extra, scale: 1, count: rows.count * columns)
    }
  }

  /// The error for a value that is no number, with its place in the file it came from.
  func problem(at index: Int, value: Float, precision: WeightPrecision) -> ImportError {
    let isFinite = value.isFinite
    let place =
      additions.isEmpty
      ? "tensor \(base.tensor.name), value \(index), byte \(base.tensor.byteOffset(ofValue: base.rows.lowerBound * columns + index))"
      : "tensor \(name), value \(index), with the adaptation added"
    return ImportError(
      path: base.tensor.file.path, place: place,
      problem: isFinite
        ? "\(value) does not fit \(precision.rawValue)" : "the value is \(value), not a number",
      remedy: isFinite
        ? "Import with --precision f32."
        : "The training diverged, or the file is damaged: fetch or export it again.")
  }
}

/// How a model folder stores its weights.
public enum WeightPrecision: String, Sendable, CaseIterable {
  case float16 = "f16"
  case float32 = "f32"
}
