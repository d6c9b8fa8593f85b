import Models
import Tensors

/// Two causal 3x3 convolutions with stride 2, then a projection: log-mel at 100 Hz to encoder
/// frames at 25 Hz.
struct Subsampling: Sendable {
  let convolution1: Linear
  let convolution2: Linear
  let projection: Linear
  let channels: Int
  let bins: Int

  init(_ reader: WeightsReader, configuration: ModelConfiguration) throws(ModelError) {
    channels = configuration.subsampling.channels
    bins = configuration.features.melBins
    convolution1 = try Self.convolution(reader, "subsampling.convolution1", channels, 1)
    convolution2 = try Self.convolution(reader, "subsampling.convolution2", channels, channels)
    projection = try reader.linear(
      "subsampling.projection", configuration.encoder.dimension, channels * (bins / 4))
  }

  /// A 3x3 convolution as a matrix over unfolded patches: `[out, in · 9]`.
  private static func convolution(
    _ reader: WeightsReader, _ prefix: String, _ outputs: Int, _ inputs: Int
  ) throws(ModelError) -> Linear {
    let weight = try reader.tensor(prefix + ".weight", [outputs, inputs, 3, 3])
    return Linear(
      weight: Tensor(shape: [outputs, inputs * 9]) { _ = $0.update(fromContentsOf: weight.values) },
      bias: try reader.tensor(prefix + ".bias", [outputs]))
  }

  /// The last three input frames of both convolutions.
  final class State {
    /// `[3, bins]` and `[3, channels, bins / 2]`, oldest first; zeros before the start.
    var input: [Float]
    var middle: [Float]
    var inputFrames = 0
    var middleFrames = 0

    init(_ subsampling: Subsampling) {
      input = Array(repeating: 0, count: 3 * subsampling.bins)
      middle = Array(repeating: 0, count: 3 * subsampling.channels * (subsampling.bins / 2))
    }
  }

  /// Takes normalised log-mel frames `[n, bins]`, appends the encoder frames that they complete,
  /// `[m, dimension]`, to `out`. Every frame is computed by itself, so cutting does not matter.
  func append(_ frames: [Float], to out: inout [Float], state: State, workspace: Workspace) {
    let half = bins / 2
    for frame in 0..<(frames.count / bins) {
      shift(&state.input, by: bins)
      frames.withUnsafeBufferPointer { source in
        state.input.withUnsafeMutableBufferPointer {
          ($0.baseAddress! + 2 * bins).update(from: source.baseAddress! + frame * bins, count: bins)
        }
      }
      state.inputFrames += 1
      guard state.inputFrames % 2 == 1 else { continue }

      shift(&state.middle, by: channels * half)
      let first = convolve(
        state.input, channels: 1, bins: bins, layer: convolution1, workspace: workspace)
      state.middle.withUnsafeMutableBufferPointer {
        ($0.baseAddress! + 2 * channels * half).update(from: first, count: channels * half)
      }
      state.middleFrames += 1
      guard state.middleFrames % 2 == 1 else { continue }

      let second = convolve(
        state.middle, channels: channels, bins: half, layer: convolution2, workspace: workspace)
      let row = workspace.floats(2, count: projection.outputs)
      projection.apply(second, rows: 1, into: row)
      out.append(contentsOf: UnsafeBufferPointer(start: row, count: projection.outputs))
    }
  }

  private func shift(_ window: inout [Float], by count: Int) {
    window.withUnsafeMutableBufferPointer {
      $0.baseAddress!.update(from: $0.baseAddress! + count, count: 2 * count)
    }
  }

  /// One output frame `[channels, bins / 2]` from three input frames `[3, inputs, bins]`.
  private func convolve(
    _ window: [Float], channels inputs: Int, bins: Int, layer: Linear, workspace: Workspace
  ) -> UnsafePointer<Float> {
    let width = bins / 2
    let patch = inputs * 9
    let patches = workspace.floats(0, count: width * patch)
    for position in 0..<width {
      var at = position * patch
      for channel in 0..<inputs {
        for time in 0..<3 {
          let line = (time * inputs + channel) * bins
          for offset in -1...1 {
            let bin = 2 * position + offset
            patches[at] = bin >= 0 && bin < bins ? window[line + bin] : 0
            at += 1
          }
        }
      }
    }
    let product = workspace.floats(1, count: width * layer.outputs)
    layer.apply(patches, rows: width, into: product)
    applySiLU(product, count: width * layer.outputs)
    // [width, out] to [out, width]: the projection wants channel by frequency.
    let out = workspace.floats(3, count: width * layer.outputs)
    for position in 0..<width {
      for channel in 0..<layer.outputs {
        out[channel * width + position] = product[position * layer.outputs + channel]
      }
    }
    return UnsafePointer(out)
  }
}
