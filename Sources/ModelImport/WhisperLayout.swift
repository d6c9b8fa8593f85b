/// The numbers that fix every shape of a Whisper model.
struct WhisperSizes: Equatable, Sendable {
  var melBins: Int
  var dimension: Int
  var encoderLayers: Int
  var encoderHeads: Int
  var encoderFeedForward: Int
  var encoderPositions: Int
  var decoderLayers: Int
  var decoderHeads: Int
  var decoderFeedForward: Int
  var decoderPositions: Int
  /// Rows of the token embedding.
  var tokens: Int

  /// Bounds keep a hostile file from asking for absurd amounts of memory; large-v3 is far inside.
  var problem: String? {
    let bounds: [(String, Int, ClosedRange<Int>)] = [
      ("mel bins", melBins, 8...256), ("width", dimension, 2...4_096),
      ("encoder layers", encoderLayers, 1...128), ("decoder layers", decoderLayers, 1...128),
      ("encoder heads", encoderHeads, 1...64), ("decoder heads", decoderHeads, 1...64),
      ("encoder feed-forward width", encoderFeedForward, 1...16_384),
      ("decoder feed-forward width", decoderFeedForward, 1...16_384),
      ("encoder positions", encoderPositions, 1...16_384),
      ("decoder positions", decoderPositions, 8...16_384), ("tokens", tokens, 16...262_144),
    ]
    for (name, value, range) in bounds where !range.contains(value) {
      return "\(value) \(name); from \(range.lowerBound) to \(range.upperBound) are read"
    }
    for heads in [encoderHeads, decoderHeads] where dimension % heads != 0 {
      return "\(heads) heads do not divide the width \(dimension)"
    }
    return nil
  }
}

/// One tensor of a Tandem model folder of the Whisper family, and where it stands in the network.
struct WhisperTensor: Equatable, Sendable {
  enum Side: String, Sendable { case encoder, decoder }
  enum Module: Sendable { case selfAttention, crossAttention, feedForward }
  enum Part: String, Sendable { case norm, query, key, value, output, up, down }
  enum Kind: String, Sendable { case weight, bias }
  enum Place: Equatable, Sendable {
    case convolution(Int)
    case positions(Side)
    case finalNorm(Side)
    case embedding
    case layer(Side, Int, Module, Part)
  }

  let place: Place
  let kind: Kind
  let shape: [Int]

  /// docs/model-format.md's name.
  var name: String {
    switch place {
    case .convolution(let n): "encoder.conv\(n).\(kind.rawValue)"
    case .positions(let side): "\(side.rawValue).positions"
    case .finalNorm(let side): "\(side.rawValue).norm.\(kind.rawValue)"
    case .embedding: "decoder.embedding.weight"
    case .layer(let side, let n, let module, let part):
      "\(side.rawValue).layers.\(n).\(Self.name(module, side)).\(part.rawValue).\(kind.rawValue)"
    }
  }

  private static func name(_ module: Module, _ side: Side) -> String {
    switch module {
    case .selfAttention: side == .encoder ? "attention" : "selfAttention"
    case .crossAttention: "crossAttention"
    case .feedForward: "feedForward"
    }
  }

  /// What device.safetensors holds of the public weights.
  static func device(_ sizes: WhisperSizes, layers: Int) -> [WhisperTensor] {
    stem(sizes) + (0..<layers).flatMap { encoderLayer($0, sizes) }
  }

  /// What edge.safetensors holds of the public weights: all.
  static func edge(_ sizes: WhisperSizes) -> [WhisperTensor] {
    device(sizes, layers: sizes.encoderLayers)
      + both(.finalNorm(.encoder), [sizes.dimension], [sizes.dimension])
      + [
        WhisperTensor(
          place: .embedding, kind: .weight, shape: [sizes.tokens, sizes.dimension]),
        WhisperTensor(
          place: .positions(.decoder), kind: .weight,
          shape: [sizes.decoderPositions, sizes.dimension]),
      ]
      + (0..<sizes.decoderLayers).flatMap { decoderLayer($0, sizes) }
      + both(.finalNorm(.decoder), [sizes.dimension], [sizes.dimension])
  }

  private static func both(_ place: Place, _ weight: [Int], _ bias: [Int]) -> [WhisperTensor] {
    [
      WhisperTensor(place: place, kind: .weight, shape: weight),
      WhisperTensor(place: place, kind: .bias, shape: bias),
    ]
  }

  private static func stem(_ sizes: WhisperSizes) -> [WhisperTensor] {
    let d = sizes.dimension
    return both(.convolution(1), [d, sizes.melBins, 3], [d])
      + both(.convolution(2), [d, d, 3], [d])
      + [
        WhisperTensor(
          place: .positions(.encoder), kind: .weight, shape: [sizes.encoderPositions, d])
      ]
  }

  private static func encoderLayer(_ n: Int, _ sizes: WhisperSizes) -> [WhisperTensor] {
    attention(.encoder, n, .selfAttention, sizes.dimension)
      + feedForward(.encoder, n, sizes.dimension, sizes.encoderFeedForward)
  }

  private static func decoderLayer(_ n: Int, _ sizes: WhisperSizes) -> [WhisperTensor] {
    attention(.decoder, n, .selfAttention, sizes.dimension)
      + attention(.decoder, n, .crossAttention, sizes.dimension)
      + feedForward(.decoder, n, sizes.dimension, sizes.decoderFeedForward)
  }

  /// Whisper's keys have no bias: it would add the same number to every score of a query.
  private static func attention(_ side: Side, _ n: Int, _ module: Module, _ d: Int)
    -> [WhisperTensor]
  {
    both(.layer(side, n, module, .norm), [d], [d])
      + both(.layer(side, n, module, .query), [d, d], [d])
      + [WhisperTensor(place: .layer(side, n, module, .key), kind: .weight, shape: [d, d])]
      + both(.layer(side, n, module, .value), [d, d], [d])
      + both(.layer(side, n, module, .output), [d, d], [d])
  }

  private static func feedForward(_ side: Side, _ n: Int, _ d: Int, _ f: Int) -> [WhisperTensor] {
    both(.layer(side, n, .feedForward, .norm), [d], [d])
      + both(.layer(side, n, .feedForward, .up), [f, d], [f])
      + both(.layer(side, n, .feedForward, .down), [d, f], [d])
  }
}
