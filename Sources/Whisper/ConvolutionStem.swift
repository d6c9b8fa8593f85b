import Models
import Tensors

/// Two convolutions of three taps, the second with stride 2, exact GELU after each, then fixed positions: 100 log-mel frames a
/// second become 50 encoder frames.
struct ConvolutionStem: Sendable {
  private let first: Convolution
  private let second: Convolution
  /// `[positions, d]`.
  private let positions: Tensor
  let melBins: Int
  let dimension: Int

  init(_ reader: WeightsReader, configuration: WhisperConfiguration) throws(ModelError) {
    melBins = configuration.melBins
    dimension = configuration.dimension
    first = try Convolution(
      reader, prefix: "encoder.conv1", inputs: melBins, outputs: dimension, stride: 1)
    second = try Convolution(
      reader, prefix: "encoder.conv2", inputs: dimension, outputs: dimension, stride: 2)
    positions = try reader.tensor(
      "encoder.positions", [configuration.encoder.positions, dimension])
  }

  /// `[frames / 2, d]` (rounded up) of `[frames, melBins]`; frames beyond the last position are dropped.
  func apply(_ mel: [Float], workspace: Workspace) -> [Float] {
    let frames = mel.count / melBins
    let rows = min((frames + 1) / 2, positions.shape[0])
    guard rows > 0 else { return [] }
    let padded = workspace.floats(0, count: (frames + 2) * melBins)
    padded.update(repeating: 0, count: melBins)
    mel.withUnsafeBufferPointer {
      (padded + melBins).update(from: $0.baseAddress!, count: frames * melBins)
    }
    (padded + (frames + 1) * melBins).update(repeating: 0, count: melBins)
    // One more row on both sides, so that the second convolution finds its padding there.
    let middle = workspace.floats(1, count: (frames + 3) * dimension)
    middle.update(repeating: 0, count: dimension)
    first.apply(padded, rows: frames, into: middle + dimension)
    (middle + (frames + 1) * dimension).update(repeating: 0, count: 2 * dimension)
    var out = [Float](repeating: 0, count: rows * dimension)
    out.withUnsafeMutableBufferPointer {
      second.apply(middle, rows: rows, into: $0.baseAddress!)
      addScaled($0.baseAddress!, positions.pointer, scale: 1, count: rows * dimension)
    }
    return out
  }

  /// One matrix product a tap.
  private struct Convolution: Sendable {
    /// `[taps, out, in]`: from PyTorch's `[out, in, taps]`.
    let weight: Tensor
    let bias: Tensor
    let inputs: Int
    let outputs: Int
    let stride: Int
    private static let taps = 3

    init(
      _ reader: WeightsReader, prefix: String, inputs: Int, outputs: Int, stride: Int
    ) throws(ModelError) {
      self.inputs = inputs
      self.outputs = outputs
      self.stride = stride
      let taps = Self.taps
      let original = try reader.tensor(prefix + ".weight", [outputs, inputs, taps])
      weight = Tensor(shape: [taps, outputs, inputs]) { out in
        for row in 0..<(outputs * inputs) {
          for tap in 0..<taps {
            out[tap * outputs * inputs + row] = original.values[row * taps + tap]
          }
        }
      }
      bias = try reader.tensor(prefix + ".bias", [outputs])
    }

    /// `x` begins one frame before the first.
    func apply(
      _ x: UnsafePointer<Float>, rows: Int, into out: UnsafeMutablePointer<Float>
    ) {
      fillRows(out, bias, rows: rows)
      for tap in 0..<Self.taps {
        matrixProductTransposed(
          x + tap * inputs, weight.pointer + tap * outputs * inputs, into: out, rows: rows,
          columns: outputs, inner: inputs, strideA: stride * inputs, accumulate: true)
      }
      applyGELU(out, count: rows * outputs)
    }
  }
}
