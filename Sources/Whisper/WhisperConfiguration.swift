import Conformer
import Foundation

/// model.json of the Whisper family, read and checked; docs/model-format.md is normative.
///
/// Whisper is an encoder-decoder Transformer (Radford et al. 2022, 2212.04356). Its model folders differ from the Conformer's
/// by the key `"family": "whisper"`.
public struct WhisperConfiguration: Codable, Sendable, Equatable {
  public static let familyName = "whisper"
  /// Samples a second, samples in a window and between windows of the log-mel spectrogram: the same in every size.
  public static let sampleRate = 16_000
  public static let windowSamples = 400
  public static let hopSamples = 160
  /// Encoder frames a second: the second convolution has stride 2.
  public static let framesPerSecond = 50
  /// Every published size has heads of this width.
  public static let headDimension = 64

  public var format: String
  public var version: Int
  public var family: String
  public var name: String
  /// 80, or 128 from large-v3 on.
  public var melBins: Int
  /// Width d of encoder and decoder.
  public var dimension: Int
  public var encoder: Encoder
  public var decoder: Decoder
  /// The CTC vocabulary of the exits; nil without exits.
  public var vocabulary: ModelConfiguration.File?
  /// The decoder's byte-level BPE, in Hugging Face's tokenizer.json format.
  public var tokenizer: ModelConfiguration.File
  public var weights: ModelConfiguration.Weights
  /// For the searches over the exits' tokens; nil where there are none.
  public var languageModels: ModelConfiguration.LanguageModels?
  /// Where the weights came from.
  public var source: Source?

  public struct Encoder: Codable, Sendable, Equatable {
    public var heads: Int
    public var layers: Int
    public var feedForward: Int
    /// Rows of `encoder.positions`: 1,500 frames, 30 s.
    public var positions: Int
    /// Layers in device.safetensors: split layers run from 0 to this.
    public var deviceLayers: Int
    /// CTC heads, ascending by depth; empty for weights as they were published.
    public var exits: [Exit]

    public init(
      heads: Int, layers: Int, feedForward: Int, positions: Int, deviceLayers: Int, exits: [Exit]
    ) {
      self.heads = heads
      self.layers = layers
      self.feedForward = feedForward
      self.positions = positions
      self.deviceLayers = deviceLayers
      self.exits = exits
    }
  }

  public struct Exit: Codable, Sendable, Equatable {
    /// From 1: the exit follows this many encoder layers. Its tensors are `exits.{afterLayer}.…`.
    public var afterLayer: Int

    public init(afterLayer: Int) { self.afterLayer = afterLayer }
  }

  public struct Decoder: Codable, Sendable, Equatable {
    public var heads: Int
    public var layers: Int
    public var feedForward: Int
    /// Rows of `decoder.positions`: 448 tokens.
    public var positions: Int
    /// Rows of `decoder.embedding.weight`, special tokens and timestamps included.
    public var tokens: Int
    /// Whether the prompt names a language and a task. False for English-only weights.
    public var isMultilingual: Bool
    /// The language to prompt with, such as `en`; nil lets the decoder detect it.
    public var language: String?
    /// Tokens that are never written (symbols that are not speech, and special tokens).
    public var suppressedTokens: [Int]
    /// Tokens that are not written first: a lone space and the end of the text.
    public var suppressedFirstTokens: [Int]
    /// `[layer, head]` of the cross-attention heads that follow the audio, for word times.
    public var alignmentHeads: [[Int]]
    /// Rows of `decoder.silenceTail`; 0 where edge.safetensors has none.
    public var silenceTailFrames: Int

    public init(
      heads: Int, layers: Int, feedForward: Int, positions: Int, tokens: Int, isMultilingual: Bool,
      language: String?, suppressedTokens: [Int], suppressedFirstTokens: [Int],
      alignmentHeads: [[Int]], silenceTailFrames: Int
    ) {
      self.heads = heads
      self.layers = layers
      self.feedForward = feedForward
      self.positions = positions
      self.tokens = tokens
      self.isMultilingual = isMultilingual
      self.language = language
      self.suppressedTokens = suppressedTokens
      self.suppressedFirstTokens = suppressedFirstTokens
      self.alignmentHeads = alignmentHeads
      self.silenceTailFrames = silenceTailFrames
    }
  }

  /// The public weights, and what was trained on top of them.
  public struct Source: Codable, Sendable, Equatable {
    /// `ctranslate2`, `huggingface` or `ggml`.
    public var format: String
    /// SHA-256 of the file with the public weights; of the shards' digests, in order, where there are several.
    public var sha256: String
    /// Name and SHA-256 of the adaptation.json that was merged in, if any.
    public var adaptation: ModelConfiguration.File?

    public init(format: String, sha256: String, adaptation: ModelConfiguration.File?) {
      self.format = format
      self.sha256 = sha256
      self.adaptation = adaptation
    }
  }

  public init(
    name: String, melBins: Int, dimension: Int, encoder: Encoder, decoder: Decoder,
    vocabulary: ModelConfiguration.File?, tokenizer: ModelConfiguration.File,
    weights: ModelConfiguration.Weights, languageModels: ModelConfiguration.LanguageModels? = nil,
    source: Source?
  ) {
    format = ModelConfiguration.formatName
    version = ModelConfiguration.formatVersion
    family = Self.familyName
    self.name = name
    self.melBins = melBins
    self.dimension = dimension
    self.encoder = encoder
    self.decoder = decoder
    self.vocabulary = vocabulary
    self.tokenizer = tokenizer
    self.weights = weights
    self.languageModels = languageModels
    self.source = source
  }

  /// Samples of the longest window: 30 s.
  public var maximumSamples: Int { encoder.positions * 2 * Self.hopSamples }

  /// What is wrong with the numbers, if anything is. Bounds keep a hostile file from asking for absurd amounts of memory.
  public var problem: String? {
    if format != ModelConfiguration.formatName {
      return "format is \"\(format)\", not \"\(ModelConfiguration.formatName)\""
    }
    if version != ModelConfiguration.formatVersion {
      return
        "format version \(version); this program reads version \(ModelConfiguration.formatVersion)"
    }
    if family != Self.familyName {
      return "family is \"\(family)\"; this program reads \"\(Self.familyName)\""
    }
    if !(8...256).contains(melBins) { return "melBins must be 8 to 256" }
    if !(2...4096).contains(dimension) { return "dimension must be 2 to 4096" }
    if !(1...128).contains(encoder.layers) { return "encoder.layers must be 1 to 128" }
    if !(1...128).contains(decoder.layers) { return "decoder.layers must be 1 to 128" }
    if let problem = transformerProblem("encoder", encoder.heads, encoder.feedForward) {
      return problem
    }
    if let problem = transformerProblem("decoder", decoder.heads, decoder.feedForward) {
      return problem
    }
    if !(1...16_384).contains(encoder.positions) { return "encoder.positions must be 1 to 16384" }
    if !(8...16_384).contains(decoder.positions) { return "decoder.positions must be 8 to 16384" }
    if !(1...encoder.layers).contains(encoder.deviceLayers) {
      return "encoder.deviceLayers must be 1 to encoder.layers, \(encoder.layers)"
    }
    var previous = 0
    for (i, exit) in encoder.exits.enumerated() {
      if !(previous + 1...max(previous + 1, encoder.deviceLayers)).contains(exit.afterLayer)
        || exit.afterLayer > encoder.deviceLayers
      {
        return "encoder.exits[\(i)].afterLayer must ascend and lie within the device's layers"
      }
      previous = exit.afterLayer
    }
    if !encoder.exits.isEmpty, vocabulary == nil { return "exits without a vocabulary" }
    return decoderProblem ?? fileProblem
  }

  private func transformerProblem(_ part: String, _ heads: Int, _ feedForward: Int) -> String? {
    if !(1...64).contains(heads) || dimension % max(1, heads) != 0 {
      return "\(part).heads must be 1 to 64 and divide the dimension \(dimension)"
    }
    if !(1...16_384).contains(feedForward) { return "\(part).feedForward must be 1 to 16384" }
    return nil
  }

  private var decoderProblem: String? {
    let decoder = decoder
    if !(16...262_144).contains(decoder.tokens) { return "decoder.tokens must be 16 to 262144" }
    for (key, tokens) in [
      ("suppressedTokens", decoder.suppressedTokens),
      ("suppressedFirstTokens", decoder.suppressedFirstTokens),
    ] where tokens.contains(where: { !(0..<decoder.tokens).contains($0) }) {
      return "decoder.\(key) must lie within the \(decoder.tokens) tokens"
    }
    for pair in decoder.alignmentHeads {
      if pair.count != 2 || !(0..<decoder.layers).contains(pair[0])
        || !(0..<decoder.heads).contains(pair[1])
      {
        return "decoder.alignmentHeads must be pairs of a layer and a head of the decoder"
      }
    }
    if !(0...16_384).contains(decoder.silenceTailFrames) {
      return "decoder.silenceTailFrames must be 0 to 16384"
    }
    return nil
  }

  private var fileProblem: String? {
    let optional = [
      vocabulary, weights.edge, languageModels?.edge, languageModels?.device, source?.adaptation,
    ]
    let files = [tokenizer.file, weights.device.file] + optional.compactMap { $0?.file }
    for file in files where file.isEmpty || file.contains("/") || file.hasPrefix(".") {
      return "\"\(file)\" must be a plain file name in the model folder"
    }
    return nil
  }
}
