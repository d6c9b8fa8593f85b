import Models
import Tensors

/// The encoder over one window. Attention sees all of it, so nothing is computed before the utterance is over; then one layer a step.
///
/// Samples beyond the longest window (30 s) are not heard: callers cut longer speech before (`Endpointer`), and `isFull` says so.
public final class WhisperEncoder: SpeechEncoder {
  enum Side {
    case device
    case edge(WhisperEdge)
  }

  public let model: WhisperModel
  public let firstLayer: Int
  public private(set) var depth: Int
  public private(set) var isFinished = false
  /// Whether samples came that no window has room for.
  public var isFull: Bool { samples.count > model.configuration.maximumSamples }
  private let weights: [EncoderLayer]
  private var samples: [Float] = []
  /// `[frames, d]` of each layer; those above `firstLayer` only, as far as they were computed.
  private var layers: [[Float]]
  private let workspace = Workspace()
  /// Whether the layers are the edge's.
  let isEdge: Bool
  /// Whether `finish` leaves all layers to `step()`.
  private let defers: Bool

  init(model: WhisperModel, side: Side, firstLayer: Int, depth: Int, defers: Bool = false) {
    self.model = model
    self.defers = defers
    switch side {
    case .device:
      weights = model.layers
      isEdge = false
    case .edge(let edge):
      weights = edge.layers
      isEdge = true
    }
    precondition((0...weights.count).contains(firstLayer), "no such layer")
    self.firstLayer = firstLayer
    self.depth = max(firstLayer, min(depth, weights.count))
    layers = Array(repeating: [], count: weights.count + 1)
  }

  public func append(samples new: some Collection<Float>, computing: Bool) {
    precondition(firstLayer == 0 && !isFinished)
    // One too many is kept, so that `isFull` shows it.
    let room = model.configuration.maximumSamples + 1 - samples.count
    samples.append(contentsOf: new.prefix(max(0, room)))
  }

  /// Takes a whole window, as it is: nothing is added at the end.
  func append(window: [Float]) {
    precondition(firstLayer == 0 && !isFinished && samples.isEmpty)
    layers[0] = model.stem.apply(model.spectrogram.frames(window), workspace: workspace)
  }

  public func append(features: some Collection<Float>) {
    precondition(!isFinished && features.count % model.dimension == 0)
    layers[firstLayer].append(contentsOf: features)
  }

  public func finish(to layer: Int?) {
    guard !isFinished else { return }
    if let layer { depth = max(firstLayer, min(depth, layer)) }
    isFinished = true
    if !samples.isEmpty {
      var window = samples
      let count = model.options.windowSamples(window.count, model.configuration)
      if window.count > count { window.removeLast(window.count - count) }
      window += repeatElement(0, count: count - window.count)
      layers[0] = model.stem.apply(model.spectrogram.frames(window), workspace: workspace)
    } else if frameCount(at: firstLayer) > model.configuration.encoder.positions {
      // More than positions: features of another window than ours. What was asked for is bounded.
      layers[firstLayer].removeLast(
        layers[firstLayer].count - model.configuration.encoder.positions * model.dimension)
    }
    if !defers { compute() }
  }

  public func advance(to layer: Int) {
    deepen(to: layer)
    compute()
  }

  public func deepen(to layer: Int) { depth = max(depth, min(layer, weights.count)) }

  /// Nothing but the samples is kept while the user speaks.
  public var stateBytes: Int { model.configuration.maximumSamples * MemoryLayout<Float>.size }

  public func frames(at layer: Int) -> [Float] { layers[layer] }
  public func frameCount(at layer: Int) -> Int { layers[layer].count / model.dimension }

  public func output(ofExit exit: Int) -> ExitOutput {
    if model.exits.isEmpty {
      let frames = layers[model.blockCount]
      // Without exits the decoder was loaded with the device's part.
      guard isFinished, let transcript = try? model.transcribe(frames) else {
        return .transcript(.empty)
      }
      return .transcript(transcript)
    }
    let head = model.exits[exit]
    return .posteriors(head.logPosteriors(layers[head.afterBlock], workspace: workspace))
  }

  private func compute() {
    while step() {}
  }

  /// Applies one layer to the whole window: the shallowest that is left down to `depth`.
  @discardableResult
  public func step() -> Bool {
    guard isFinished, !layers[firstLayer].isEmpty else { return false }
    guard let layer = (firstLayer..<depth).first(where: { layers[$0 + 1].isEmpty }) else {
      return false
    }
    let rows = frameCount(at: layer)
    var x = layers[layer]
    x.withUnsafeMutableBufferPointer {
      weights[layer].apply(to: $0.baseAddress!, rows: rows, workspace: workspace)
    }
    layers[layer + 1] = x
    return true
  }
}

extension DecodedTranscript {
  /// Of no speech at all.
  public static let empty = DecodedTranscript(
    tokens: [], text: "", logProbability: 0, meanEntropy: 0, leastProbability: nil,
    noSpeechProbability: nil, isCut: false, frames: 0)
}
