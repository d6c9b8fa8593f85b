import Foundation
import Models
import Tensors

/// Whisper's encoder and decoder (Radford et al. 2022, 2212.04356), split between device and edge, with CTC exits where we trained any.
///
/// Without exits of its own the device's one exit is the decoder, after all layers: whoever cannot reach an edge runs everything.
///
/// ```swift
/// let model = try WhisperModel.load(directory: "whisper-base", parts: .device)
/// let encoder = model.makeEncoder(firstLayer: 0, depth: model.blockCount)
/// ```
public final class WhisperModel: Sendable {
  public let directory: String
  public let configuration: WhisperConfiguration
  public let options: WhisperOptions
  public let fingerprint: String
  public let exitVocabulary: Vocabulary?
  public let deviceParameterCount: Int
  let spectrogram: LogMelSpectrogram
  let stem: ConvolutionStem
  /// The device's layers.
  let layers: [EncoderLayer]
  let exits: [ConnectionistExit]
  /// The layers and the decoder as an edge has them; nil when only the device's part was loaded, and its exits suffice.
  public let edge: WhisperEdge?

  /// Loads and checks a model folder.
  ///
  /// - Parameter parts: a device gets the decoder too where the model has no exits.
  /// - Throws: `ModelError` naming the missing, misshapen, non-finite or changed thing.
  public static func load(
    directory: String, parts: ModelParts, options: WhisperOptions = WhisperOptions()
  ) throws(ModelError) -> WhisperModel {
    try WhisperModel(directory: directory, parts: parts, options: options)
  }

  private init(directory: String, parts: ModelParts, options: WhisperOptions) throws(ModelError) {
    self.directory = directory
    useOneThreadPerMatrixProduct()
    let folder = ModelFolder(directory)
    let (bytes, fingerprint) = try folder.configuration()
    self.fingerprint = fingerprint
    let configuration = try folder.decode(WhisperConfiguration.self, from: bytes)
    let path = folder.path(of: ModelFolder.configurationName)
    if let problem = configuration.problem {
      throw .badConfiguration(path: path, reason: problem)
    }
    self.configuration = configuration
    self.options = options
    var exitVocabulary: Vocabulary?
    if !configuration.encoder.exits.isEmpty, let file = configuration.vocabulary {
      exitVocabulary = try Vocabulary(
        json: try folder.data(file), path: folder.path(of: file.file))
    }
    self.exitVocabulary = exitVocabulary
    spectrogram = LogMelSpectrogram(melBins: configuration.melBins)

    let reader = try folder.weights(configuration.weights.device)
    stem = try ConvolutionStem(reader, configuration: configuration)
    layers = try EncoderLayer.all(
      reader, configuration: configuration, 0..<configuration.encoder.deviceLayers)
    var exits: [ConnectionistExit] = []
    for exit in configuration.encoder.exits {
      exits.append(
        try ConnectionistExit(
          reader, afterBlock: exit.afterLayer, dimension: configuration.dimension,
          vocabulary: exitVocabulary?.tokens.count ?? 0))
    }
    self.exits = exits
    if parts == .edge || exits.isEmpty {
      guard let file = configuration.weights.edge else { throw .deviceOnly(path: directory) }
      let edgeReader = try folder.weights(file)
      edge = try WhisperEdge(edgeReader, configuration: configuration, folder: folder)
      deviceParameterCount = reader.parameterCount + (exits.isEmpty ? edgeReader.parameterCount : 0)
    } else {
      edge = nil
      deviceParameterCount = reader.parameterCount
    }
    try check(language: options.language)
  }

  /// - Throws: `ModelError.badConfiguration` for a language that a multilingual decoder, where it is loaded, does not know.
  public func check(language: String?) throws(ModelError) {
    guard let language, let edge, configuration.decoder.isMultilingual,
      edge.tokens.languages[language] == nil
    else { return }
    throw .badConfiguration(
      path: directory + "/" + ModelFolder.configurationName,
      reason: "the model knows no language \"\(language.prefix(20))\"; it wants a code such as en")
  }

  /// - Throws: `ModelError.deviceOnly` when only the device's part was loaded.
  public func edgePart() throws(ModelError) -> WhisperEdge {
    guard let edge else { throw .deviceOnly(path: directory) }
    return edge
  }

  /// The edge's pass: the layers from `firstLayer` on, with the edge's weights.
  ///
  /// - Throws: `ModelError.deviceOnly` when only the device's part was loaded.
  public func makeEdgeEncoder(firstLayer: Int) throws(ModelError) -> WhisperEncoder {
    WhisperEncoder(
      model: self, side: .edge(try edgePart()), firstLayer: firstLayer,
      depth: configuration.encoder.layers, defers: true)
  }

  /// The features of the last layer of all: `encoder` itself goes on to it where it is an edge's, another one where it is the device's.
  ///
  /// - Returns: what there is, if `isCancelled` says so between two layers.
  /// - Throws: `ModelError.deviceOnly` when only the device's part was loaded.
  public func lastFrames(_ encoder: any SpeechEncoder, isCancelled: () -> Bool = { false })
    throws(ModelError) -> [Float]
  {
    let last = configuration.encoder.layers
    var far = encoder
    if (encoder as? WhisperEncoder)?.isEdge != true {
      let frames = encoder.frames(at: blockCount)
      if blockCount == last { return frames }
      far = try makeEdgeEncoder(firstLayer: blockCount)
      far.append(features: frames)
      far.finish()
    }
    while !isCancelled(), far.step() {}
    return far.frames(at: last)
  }

  /// A transcript of the encoder's output `[frames, d]` of all layers.
  ///
  /// - Parameters:
  ///   - search: nil is greedy, in the language of the model's options.
  ///   - isCancelled: asked before every token; true ends the search with what it has.
  /// - Throws: `ModelError.deviceOnly` when only the device's part was loaded.
  public func transcribe(
    _ frames: [Float], search: DecoderSearch.Options? = nil,
    isCancelled: () -> Bool = { false }
  ) throws(ModelError) -> DecodedTranscript {
    let edge = try edgePart()
    var search = search ?? DecoderSearch.Options()
    search.language = search.language ?? options.language
    return DecoderSearch(edge: edge, configuration: configuration, options: search).transcribe(
      frames, isCancelled: isCancelled)
  }
}

extension WhisperModel: SpeechModel {
  public var name: String { configuration.name }
  public var dimension: Int { configuration.dimension }
  public var framesPerSecond: Double { Double(WhisperConfiguration.framesPerSecond) }
  public var blockCount: Int { layers.count }
  public var exitDepths: [Int] { exits.isEmpty ? [layers.count] : exits.map(\.afterBlock) }
  public var chunkFrames: Int { 1 }
  public var isStreaming: Bool { false }
  public var maximumFrames: Int? { configuration.encoder.positions }

  public func languageModelPath(_ side: LanguageModelSide) throws(ModelError) -> String? {
    let models = configuration.languageModels
    guard let file = side == .edge ? models?.edge : models?.device else { return nil }
    return try ModelFolder(directory).verifiedPath(file)
  }

  public func makeEncoder(firstLayer: Int, depth: Int) -> any SpeechEncoder {
    WhisperEncoder(model: self, side: .device, firstLayer: firstLayer, depth: depth)
  }

  public var work: ModelWork {
    let d = Double(dimension)
    let bins = Double(configuration.melBins)
    // An utterance of about five seconds is in sight.
    let context = 5 * framesPerSecond
    let layer = EncoderLayer.operations(configuration, context: context)
    // Two spectra of 400 points an encoder frame, folded; then both convolutions.
    let spectrum = 2 * 2 * 2 * 200.0 * 200
    let stem = 2 * 2 * 3 * bins * d + 2 * 3 * d * d
    // Some four tokens a second: what a token costs in all layers and over the embedding, and the memory's keys and values.
    let decoder = configuration.decoder
    let token =
      2 * d * Double(decoder.tokens)
      + Double(decoder.layers) * (12 * d * d + 4 * d * Double(decoder.feedForward))
    let perFrame = token * 4 / framesPerSecond + Double(decoder.layers) * 4 * d * d
    let vocabulary = Double(exitVocabulary?.tokens.count ?? 0)
    return ModelWork(
      frontEnd: spectrum + stem, blocks: Array(repeating: layer, count: layers.count),
      exit: exits.isEmpty ? perFrame : 2 * d * vocabulary,
      secondPass: perFrame + layer * Double(configuration.encoder.layers - layers.count))
  }
}

/// What an edge holds of a model, and a device without exits too: every layer, the last normalization, the decoder, its tokens.
public final class WhisperEdge: Sendable {
  let layers: [EncoderLayer]
  let norm: LayerNorm
  let decoder: TokenDecoder
  public let tokenizer: ByteLevelTokenizer
  public let tokens: WhisperTokens

  init(_ reader: WeightsReader, configuration: WhisperConfiguration, folder: ModelFolder)
    throws(ModelError)
  {
    layers = try EncoderLayer.all(
      reader, configuration: configuration, 0..<configuration.encoder.layers)
    norm = try reader.layerNorm("encoder.norm", configuration.dimension)
    decoder = try TokenDecoder(reader, configuration: configuration)
    let path = folder.path(of: configuration.tokenizer.file)
    tokenizer = try ByteLevelTokenizer(
      json: try folder.data(
        configuration.tokenizer, limit: ByteLevelTokenizer.maximumFileBytes), path: path)
    tokens = try WhisperTokens(tokenizer, path: path)
    guard tokens.noTimestamps < configuration.decoder.tokens,
      tokens.endOfText < configuration.decoder.tokens,
      tokens.startOfTranscript < configuration.decoder.tokens
    else {
      throw .badVocabulary(
        path: path,
        reason:
          "its control tokens lie beyond the decoder's \(configuration.decoder.tokens) tokens, so it is another model's"
      )
    }
    if configuration.decoder.isMultilingual,
      let language = configuration.decoder.language,
      tokens.prompt(isMultilingual: true, language: language) == nil
    {
      throw .badVocabulary(
        path: path, reason: "it has no language \"\(language)\", which model.json names")
    }
  }
}

extension EncoderLayer {
  static func all(
    _ reader: WeightsReader, configuration: WhisperConfiguration, _ range: Range<Int>
  ) throws(ModelError) -> [EncoderLayer] {
    var layers: [EncoderLayer] = []
    for index in range {
      layers.append(try EncoderLayer(reader, index: index, configuration: configuration))
    }
    return layers
  }
}
