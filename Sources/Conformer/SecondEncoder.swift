import Models
import Tensors

/// The non-causal second encoder of the cascade (2304.00171): it sees the whole
/// utterance of the first pass's output.
struct SecondEncoder: Sendable {
  let input: Linear
  let blocks: [Block]
  let projection: Linear

  init(
    _ reader: WeightsReader, configuration: ModelConfiguration.SecondEncoder, inputs: Int,
    vocabulary: Int
  ) throws(ModelError) {
    let d = configuration.dimension
    input = try reader.linear("secondEncoder.input", d, inputs)
    var blocks: [Block] = []
    for (i, block) in configuration.blocks.enumerated() {
      blocks.append(
        try Block(reader, prefix: "secondEncoder.blocks.\(i)", dimension: d, block: block))
    }
    self.blocks = blocks
    projection = try reader.linear("secondEncoder.projection", vocabulary, d)
  }
}

/// What the second encoder made of one utterance.
public struct SecondPass: Sendable {
  /// `[frames, dimension]`.
  public var frames: [Float]
  public var dimension: Int
  public var frameCount: Int { frames.count / dimension }
}

extension Model {
  /// Runs the second encoder over the last device block's output `[T, dimension]`.
  ///
  /// Cost grows with T²; callers bound T by the longest utterance that they accept.
  /// `trace` is given the input projection and then each block's output, for the golden tests.
  /// - Throws: `ModelError.deviceOnly` when the model has no second pass.
  public func secondPass(
    _ firstPass: [Float], trace: ((_ stage: Int, _ frames: [Float]) -> Void)? = nil
  ) throws(ModelError) -> SecondPass {
    guard let second = secondEncoder else { throw .deviceOnly(path: directory) }
    let rows = firstPass.count / configuration.encoder.dimension
    let d = second.input.outputs
    guard rows > 0 else { return SecondPass(frames: [], dimension: d) }
    let workspace = Workspace()
    var x = [Float](repeating: 0, count: rows * d)
    x.withUnsafeMutableBufferPointer { x in
      second.input.apply(firstPass, rows: rows, into: x.baseAddress!)
      trace?(0, Array(x))
      for (i, block) in second.blocks.enumerated() {
        block.apply(to: x.baseAddress!, rows: rows, state: nil, workspace: workspace)
        trace?(i + 1, Array(x))
      }
    }
    return SecondPass(frames: x, dimension: d)
  }

  /// Log posteriors `[T, V]` of the second encoder's auxiliary CTC head.
  public func connectionistPosteriors(_ second: SecondPass) throws(ModelError) -> [Float] {
    guard let encoder = secondEncoder else { throw .deviceOnly(path: directory) }
    let rows = second.frameCount
    guard rows > 0 else { return [] }
    var out = [Float](repeating: 0, count: rows * vocabularySize)
    out.withUnsafeMutableBufferPointer {
      encoder.projection.apply(second.frames, rows: rows, into: $0.baseAddress!)
      applyLogSoftmax($0.baseAddress!, rows: rows, columns: vocabularySize)
    }
    return out
  }
}
