import Audio
import Tensors

/// The first pass over one utterance, as deep as it has been asked to go.
///
/// A device feeds samples and deepens exit by exit; an edge feeds the features of a split layer and
/// runs the rest. Layer 0 is the subsampled features, layer k the output of block k. Every layer
/// is computed chunk by chunk on the same boundaries wherever the audio was cut and wherever the
/// split lies, so results are equal bit by bit.
///
/// Not Sendable: one thread at a time, and never one of Swift's cooperative pool.
public final class UtteranceEncoder {
  public let model: Model
  /// Layer that features are fed into; 0 when samples are.
  public let firstLayer: Int
  /// The layer down to which every chunk is computed as soon as it is there; once finished, down to which all are.
  public private(set) var depth: Int
  public private(set) var isFinished = false
  /// Samples taken so far, without the tail.
  public private(set) var sampleCount = 0

  private var logMel: LogMel
  private var normalization: RunningNormalization
  private let subsamplingState: Subsampling.State
  private let blockStates: [Block.State]
  private let exitStates: [Attention.State?]
  /// Outputs `[T, dimension]` of the layers; those above `firstLayer` only.
  private var layers: [[Float]]
  private var exitOutputs: [[Float]]
  private let workspace = Workspace()

  /// - Parameters:
  ///   - firstLayer: 0 to `model.blockCount`; 0 takes samples or subsampled features.
  ///   - depth: the layer that streaming keeps up with; deepen later with `advance(to:)`.
  public init(model: Model, firstLayer: Int = 0, depth: Int = 0) {
    precondition((0...model.blockCount).contains(firstLayer), "no such layer")
    self.model = model
    self.firstLayer = firstLayer
    self.depth = max(firstLayer, min(depth, model.blockCount))
    logMel = LogMel(model.configuration.features)
    normalization = RunningNormalization(
      mean: model.featureMean.values, standardDeviation: model.featureDeviation.values,
      configuration: model.configuration.features)
    subsamplingState = Subsampling.State(model.subsampling)
    blockStates = model.blocks.map { Block.State($0, encoder: model.configuration.encoder) }
    exitStates = model.exits.map { $0.makeState(model.configuration.encoder) }
    layers = Array(repeating: [], count: model.blockCount + 1)
    exitOutputs = Array(repeating: [], count: model.exits.count)
  }

  /// Takes 16 kHz samples in [-1, 1].
  /// - Parameter computing: false leaves all beyond the subsampling to `step()`.
  public func append(samples: some Collection<Float>, computing: Bool = true) {
    precondition(firstLayer == 0 && !isFinished)
    sampleCount += samples.count
    take(logMel: logMel.append(samples))
    if computing { compute() }
  }

  /// Takes features `[n, dimension]` of `firstLayer`, as another encoder's `frames(at:)` gave them.
  public func append(features: some Collection<Float>) {
    precondition(!isFinished && features.count % model.dimension == 0)
    layers[firstLayer].append(contentsOf: features)
    compute()
  }

  /// The utterance is over: flushes the tail of silence (when fed with samples) and the last chunk.
  /// - Parameter layer: the layer down to which the last chunk is computed now, where that is less deep than the others;
  ///   `advance(to:)` computes the rest of it, bit by bit the same. nil: as deep as the others.
  public func finish(to layer: Int? = nil) {
    guard !isFinished else { return }
    if let layer { depth = max(firstLayer, min(depth, layer)) }
    if sampleCount > 0 { take(logMel: logMel.finish()) }
    isFinished = true
    compute()
  }

  /// Computes everything down to `layer`, now and from now on.
  public func advance(to layer: Int) {
    deepen(to: layer)
    compute()
  }

  /// From now on computes down to `layer`; what is there already is left to `step()`.
  public func deepen(to layer: Int) {
    depth = max(depth, min(layer, model.blockCount))
  }

  /// Bytes that subsampling, blocks and exit heads keep from one chunk to the next, however long the utterance.
  public var stateBytes: Int {
    let floats =
      subsamplingState.input.count + subsamplingState.middle.count
      + blockStates.reduce(0) { $0 + $1.count }
      + exitStates.reduce(0) { $0 + ($1.map { $0.keys.count + $0.values.count } ?? 0) }
    return floats * MemoryLayout<Float>.size
  }

  /// Encoder frames at layer `layer` so far, `[n, dimension]`.
  public func frames(at layer: Int) -> [Float] { layers[layer] }

  public func frameCount(at layer: Int) -> Int { layers[layer].count / model.dimension }

  /// Log posteriors `[n, V]` of exit `exit` (from 0) over the frames that have reached its block.
  public func logPosteriors(exit: Int) -> [Float] {
    let head = model.exits[exit]
    let d = model.dimension
    let source = layers[head.afterBlock]
    let chunk = model.configuration.encoder.chunkFrames
    let total = source.count / d
    source.withUnsafeBufferPointer { source in
      var done = exitOutputs[exit].count / model.vocabularySize
      while done < total && (total - done >= chunk || isFinished) {
        let rows = min(chunk, total - done)
        head.append(
          source.baseAddress! + done * d, rows: rows, state: exitStates[exit],
          workspace: workspace, to: &exitOutputs[exit])
        done += rows
      }
    }
    return exitOutputs[exit]
  }

  private func take(logMel frames: [Float]) {
    var frames = frames
    normalization.apply(&frames)
    model.subsampling.append(
      frames, to: &layers[0], state: subsamplingState, workspace: workspace)
  }

  private func compute() {
    while step() {}
  }

  /// Applies one block to one chunk: the shallowest that is left down to `depth`. In whatever steps it is computed, the result is
  /// the same bit by bit.
  /// - Returns: false if there was nothing left to do.
  @discardableResult
  public func step() -> Bool {
    guard depth > firstLayer else { return false }
    let d = model.dimension
    let chunk = model.configuration.encoder.chunkFrames
    for layer in (firstLayer + 1)...depth {
      let done = layers[layer].count / d
      let rows = min(chunk, layers[layer - 1].count / d - done)
      guard rows == chunk || (rows > 0 && isFinished) else { continue }
      let x = workspace.floats(7, count: rows * d)
      layers[layer - 1].withUnsafeBufferPointer {
        x.update(from: $0.baseAddress! + done * d, count: rows * d)
      }
      model.blocks[layer - 1].apply(
        to: x, rows: rows, state: blockStates[layer - 1], workspace: workspace)
      layers[layer].append(contentsOf: UnsafeBufferPointer(start: x, count: rows * d))
      return true
    }
    return false
  }
}
