import Models
import Tensors

/// The decoder's network: embedding, pre-norm blocks with attention over the tokens and over the sound, and the embedding again as output.
struct TokenDecoder: Sendable {
  struct Layer: Sendable {
    let selfAttention: AttentionWeights
    let crossAttention: AttentionWeights
    let feedForward: FeedForwardWeights
  }

  let layers: [Layer]
  let norm: LayerNorm
  /// `[tokens, d]`: input and output.
  let embedding: Tensor
  /// `[positions, d]`.
  let positions: Tensor
  /// `[frames, d]`: mean encoder outputs of silence from 15 s on, which stand for what a short window leaves out; nil for none.
  let silenceTail: Tensor?
  let heads: Int
  var dimension: Int { embedding.shape[1] }
  var tokenCount: Int { embedding.shape[0] }
  var positionCount: Int { positions.shape[0] }

  init(_ reader: WeightsReader, configuration: WhisperConfiguration) throws(ModelError) {
    let d = configuration.dimension
    let decoder = configuration.decoder
    heads = decoder.heads
    embedding = try reader.tensor("decoder.embedding.weight", [decoder.tokens, d])
    positions = try reader.tensor("decoder.positions", [decoder.positions, d])
    norm = try reader.layerNorm("decoder.norm", d)
    silenceTail =
      decoder.silenceTailFrames > 0
      ? try reader.tensor("decoder.silenceTail", [decoder.silenceTailFrames, d]) : nil
    var layers: [Layer] = []
    for index in 0..<decoder.layers {
      let prefix = "decoder.layers.\(index)"
      layers.append(
        Layer(
          selfAttention: try AttentionWeights(
            reader, prefix: prefix + ".selfAttention", dimension: d, heads: decoder.heads),
          crossAttention: try AttentionWeights(
            reader, prefix: prefix + ".crossAttention", dimension: d, heads: decoder.heads),
          feedForward: try FeedForwardWeights(
            reader, prefix: prefix + ".feedForward", dimension: d, width: decoder.feedForward)))
    }
    self.layers = layers
  }
}

/// The decoder over one window: the sound's keys and values, computed once, and those of each hypothesis' tokens.
///
/// Memory is bounded by layers · (frames + hypotheses · positions) · d.
///
/// Not Sendable: one thread at a time.
final class DecoderState {
  private let decoder: TokenDecoder
  /// Frames in the memory, the silence tail included.
  let memoryFrames: Int
  /// Of each layer, `[memoryFrames, d]`.
  private let memoryKeys: [[Float]]
  private let memoryValues: [[Float]]
  private let width: Int
  /// Of each layer, `[width, positions, d]`.
  private var keys: [UnsafeMutablePointer<Float>] = []
  private var values: [UnsafeMutablePointer<Float>] = []
  private var spare: UnsafeMutablePointer<Float>
  /// Positions that every hypothesis has.
  private(set) var position = 0
  private let capacity: Int
  private let workspace = Workspace()

  /// - Parameters:
  ///   - memory: the encoder's output `[frames, d]`, normalized.
  ///   - width: hypotheses at a time.
  ///   - capacity: tokens of a hypothesis, the prompt's included.
  init(_ decoder: TokenDecoder, memory: [Float], addsTail: Bool, width: Int, capacity: Int) {
    let d = decoder.dimension
    self.decoder = decoder
    self.width = width
    self.capacity = min(capacity, decoder.positionCount)
    var memory = memory
    if addsTail, let tail = decoder.silenceTail { memory += tail.array }
    let frames = memory.count / d
    memoryFrames = frames
    func project(_ linear: Linear) -> [Float] {
      var out = [Float](repeating: 0, count: frames * d)
      out.withUnsafeMutableBufferPointer {
        guard let base = $0.baseAddress else { return }
        linear.apply(memory, rows: frames, into: base)
      }
      return out
    }
    memoryKeys = decoder.layers.map { project($0.crossAttention.key) }
    memoryValues = decoder.layers.map { project($0.crossAttention.value) }
    let cache = width * self.capacity * d
    for _ in decoder.layers {
      keys.append(.allocate(capacity: cache))
      values.append(.allocate(capacity: cache))
    }
    spare = .allocate(capacity: cache)
    spare.initialize(repeating: 0, count: cache)
    for pointer in keys + values { pointer.initialize(repeating: 0, count: cache) }
  }

  deinit {
    for pointer in keys + values + [spare] { pointer.deallocate() }
  }

  /// Runs `tokens` of one hypothesis, all at once, from where it stands.
  ///
  /// - Parameter observe: is shown layer, head and weights `[tokens, memoryFrames]` of the attention over the sound.
  /// - Returns: the normalized outputs `[tokens, d]`, valid until the next call.
  func run(
    tokens: [Int], slot: Int,
    observe: ((_ layer: Int, _ head: Int, _ weights: UnsafePointer<Float>) -> Void)? = nil
  ) -> UnsafeMutablePointer<Float> {
    let x = embed(tokens.enumerated().map { ($1, position + $0) })
    forward(x, rows: tokens.count, slots: slot..<(slot + 1), observe: observe)
    position += tokens.count
    return x
  }

  /// Runs one token of each of the first `tokens.count` hypotheses.
  ///
  /// - Returns: the normalized outputs `[hypotheses, d]`, valid until the next call.
  func step(_ tokens: [Int]) -> UnsafeMutablePointer<Float> {
    let x = embed(tokens.map { ($0, position) })
    forward(x, rows: tokens.count, slots: 0..<tokens.count, observe: nil)
    position += 1
    return x
  }

  /// Hypothesis i goes on from what `parents[i]` was.
  func reorder(_ parents: [Int]) {
    guard parents != Array(0..<parents.count) else { return }
    let stride = capacity * decoder.dimension
    let used = position * decoder.dimension
    for layer in decoder.layers.indices {
      for isKey in [true, false] {
        let cache = isKey ? keys[layer] : values[layer]
        for (i, parent) in parents.enumerated() {
          (spare + i * stride).update(from: cache + parent * stride, count: used)
        }
        if isKey { keys[layer] = spare } else { values[layer] = spare }
        spare = cache
      }
    }
  }

  /// Unnormalized scores `[rows, tokens]` of the embedding's rows.
  func scores(_ outputs: UnsafePointer<Float>, rows: Int, into out: UnsafeMutablePointer<Float>) {
    let embedding = decoder.embedding
    if rows <= 2 {
      for row in 0..<rows {
        matrixVectorProduct(
          embedding.pointer, outputs + row * decoder.dimension,
          into: out + row * embedding.shape[0],
          rows: embedding.shape[0], columns: decoder.dimension)
      }
    } else {
      matrixProductTransposed(
        outputs, embedding.pointer, into: out, rows: rows, columns: embedding.shape[0],
        inner: decoder.dimension)
    }
  }

  private func embed(_ tokens: [(token: Int, position: Int)]) -> UnsafeMutablePointer<Float> {
    let d = decoder.dimension
    let x = workspace.floats(7, count: tokens.count * d)
    for (row, item) in tokens.enumerated() {
      (x + row * d).update(from: decoder.embedding.pointer + item.token * d, count: d)
      addScaled(
        x + row * d, decoder.positions.pointer + item.position * d, scale: 1, count: d)
    }
    return x
  }

  /// `rows` rows: one of each slot, or, with one slot, all of that.
  private func forward(
    _ x: UnsafeMutablePointer<Float>, rows: Int, slots: Range<Int>,
    observe: ((Int, Int, UnsafePointer<Float>) -> Void)?
  ) {
    let d = decoder.dimension
    let stride = capacity * d
    let perSlot = rows / slots.count
    precondition(position + perSlot <= capacity, "more tokens than there is room for")
    // The feed-forward module has slots 0 and 1.
    let normalized = workspace.floats(2, count: rows * d)
    let queries = workspace.floats(3, count: rows * d)
    for (index, layer) in decoder.layers.enumerated() {
      let own = layer.selfAttention
      own.norm.apply(x, rows: rows, into: normalized)
      own.query.applyToFew(normalized, rows: rows, into: queries)
      for (i, slot) in slots.enumerated() {
        let at = slot * stride + position * d
        let from = normalized + i * perSlot * d
        own.key.applyToFew(from, rows: perSlot, into: keys[index] + at)
        own.value.applyToFew(from, rows: perSlot, into: values[index] + at)
      }
      let seen = position + perSlot
      let scores = workspace.floats(4, count: rows * max(seen, memoryFrames))
      for (i, slot) in slots.enumerated() {
        multiHeadAttention(
          queries + i * perSlot * d, rows: perSlot, keys: keys[index] + slot * stride,
          values: values[index] + slot * stride, seen: seen, into: normalized + i * perSlot * d,
          dimension: d, heads: decoder.heads, scores: scores, isCausal: perSlot > 1)
      }
      own.output.applyToFew(normalized, rows: rows, into: queries)
      addScaled(x, queries, scale: 1, count: rows * d)

      let cross = layer.crossAttention
      cross.norm.apply(x, rows: rows, into: normalized)
      cross.query.applyToFew(normalized, rows: rows, into: queries)
      if memoryFrames > 0 {
        multiHeadAttention(
          queries, rows: rows, keys: memoryKeys[index], values: memoryValues[index],
          seen: memoryFrames, into: normalized, dimension: d, heads: decoder.heads, scores: scores,
          observe: observe.map { observe in { observe(index, $0, $1) } })
      } else {
        normalized.update(repeating: 0, count: rows * d)
      }
      cross.output.applyToFew(normalized, rows: rows, into: queries)
      addScaled(x, queries, scale: 1, count: rows * d)
      layer.feedForward.add(to: x, rows: rows, workspace: workspace)
    }
    decoder.norm.apply(x, rows: rows, into: x)
  }
}
