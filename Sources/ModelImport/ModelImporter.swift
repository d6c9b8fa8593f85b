import Basics
import Conformer
import Foundation
import Tensors
import Whisper

/// Brings public Whisper weights, and what was trained on top of them, into a Tandem model folder.
public struct ModelImporter: Sendable {
  /// The language to prompt multilingual weights with, such as `en`; `auto` lets the decoder detect it. If nil, the
  /// adaptation's, else English.
  public var language: String?
  /// How the folder stores weights. Published weights are f16.
  public var precision = WeightPrecision.float16
  /// Encoder layers in device.safetensors; all, or as many as the exits need, if nil.
  public var deviceLayers: Int?
  /// The model's name; made from its size, or the adaptation's, if nil.
  public var name: String?
  /// A folder with what was trained on top.
  public var adaptation: String?
  /// Whether another folder in the output's place may be replaced.
  public var replaces = false

  public init() {}

  /// What was imported.
  public struct Summary: Sendable, Equatable {
    public var configuration: WhisperConfiguration
    /// SHA-256 of model.json: equal fingerprints mean equal models.
    public var fingerprint: String
    /// The folder was there already, byte for byte.
    public var wasThere: Bool
  }

  /// Reads `source`, a CTranslate2 folder, a Hugging Face folder, a whisper.cpp file, or a folder that was imported before,
  /// and writes a model folder. The folder appears whole or not at all; two imports at once do not disturb each other.
  ///
  /// - Throws: `ImportError` that names the file, the place in it, and what to do.
  public func run(source path: String, output: String) throws(ImportError) -> Summary {
    useOneThreadPerMatrixProduct()
    let source = try WhisperSource.open(path)
    let adapted = try adaptation.map { (folder) throws(ImportError) in
      try Adaptation(folder: folder, base: source)
    }
    let (tokenizer, tokenizerJSON) = try source.tokenizer.completed(tokens: source.sizes.tokens)
    var configuration = try configuration(source, tokenizer, adapted)
    let (device, edge) = try tensors(source, adapted, configuration: &configuration)
    // Before hundreds of megabytes are written.
    if let problem = configuration.problem {
      throw ImportError(
        path: source.path, problem: "its settings do not fit its weights: \(problem)",
        remedy: "Check that the weights and their configuration belong together.")
    }
    var fingerprint = ""
    let outcome = try OutputFolder.write(
      output, replacing: replaces,
      fill: { (folder) throws(ImportError) in
        configuration.tokenizer.sha256 = try Self.write(
          tokenizerJSON, to: folder + "/" + configuration.tokenizer.file)
        configuration.weights.device.sha256 = try SafetensorsWriter.write(
          device, precision: precision, to: folder + "/" + configuration.weights.device.file)
        configuration.weights.edge?.sha256 = try SafetensorsWriter.write(
          edge, precision: precision, to: folder + "/edge.safetensors")
        if let adapted { try Self.copyFiles(of: adapted, to: folder) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let json = try? encoder.encode(configuration) else {
          throw ImportError(
            path: folder + "/model.json", problem: "it cannot be encoded",
            remedy: "Report this as a bug.")
        }
        fingerprint = try Self.write(json, to: folder + "/model.json")
      },
      isSame: { existing, new in
        func model(_ folder: String) -> Data? {
          try? Data(contentsOf: URL(fileURLWithPath: folder + "/model.json"))
        }
        return model(existing) != nil && model(existing) == model(new)
      })
    return Summary(
      configuration: configuration, fingerprint: fingerprint, wasThere: outcome == .alreadyThere)
  }

  /// model.json, its digests still empty.
  private func configuration(
    _ source: WhisperSource, _ tokenizer: ByteLevelTokenizer, _ adapted: Adaptation?
  ) throws(ImportError) -> WhisperConfiguration {
    let sizes = source.sizes
    let manifest = adapted?.manifest
    let tokens: WhisperTokens
    do {
      tokens = try WhisperTokens(tokenizer, path: source.tokenizer.path)
    } catch {
      throw ImportError(
        path: source.tokenizer.path, problem: "\(error)", remedy: "Fetch the tokenizer again.")
    }
    // English-only weights have 51,864 tokens, and multilingual ones more (OpenAI's `is_multilingual`).
    let isMultilingual = source.isMultilingual ?? (sizes.tokens >= 51_865)
    let exits = manifest?.exits ?? []
    let layers =
      deviceLayers ?? manifest?.deviceLayers ?? exits.last?.afterLayer ?? sizes.encoderLayers
    guard (1...sizes.encoderLayers).contains(layers) else {
      throw ImportError(
        path: source.path,
        problem: "\(layers) device layers of \(sizes.encoderLayers) are asked for",
        remedy: "Give --device-layers from 1 to \(sizes.encoderLayers).")
    }
    return WhisperConfiguration(
      name: name ?? manifest?.name ?? Self.name(sizes, isMultilingual: isMultilingual),
      melBins: sizes.melBins, dimension: sizes.dimension,
      encoder: .init(
        heads: sizes.encoderHeads, layers: sizes.encoderLayers,
        feedForward: sizes.encoderFeedForward, positions: sizes.encoderPositions,
        deviceLayers: layers, exits: exits),
      decoder: .init(
        heads: sizes.decoderHeads, layers: sizes.decoderLayers,
        feedForward: sizes.decoderFeedForward, positions: sizes.decoderPositions,
        tokens: sizes.tokens, isMultilingual: isMultilingual,
        language: try decoderLanguage(
          isMultilingual: isMultilingual, known: tokens.languages,
          trained: manifest?.decoder?.language,
          path: source.path),
        suppressedTokens: manifest?.decoder?.suppressedTokens ?? source.suppressedTokens
          ?? WhisperControls.suppressedTokens(tokenizer, tokens),
        suppressedFirstTokens: manifest?.decoder?.suppressedFirstTokens
          ?? source.suppressedFirstTokens
          ?? WhisperControls.suppressedFirstTokens(tokenizer, tokens),
        alignmentHeads: source.alignmentHeads
          ?? WhisperControls.alignmentHeads(sizes, isMultilingual: isMultilingual),
        silenceTailFrames: 0),
      vocabulary: exits.isEmpty ? nil : manifest?.vocabulary,
      tokenizer: .init(file: "tokenizer.json", sha256: ""),
      weights: .init(
        device: .init(file: "device.safetensors", sha256: ""),
        edge: .init(file: "edge.safetensors", sha256: "")),
      languageModels: manifest?.languageModels,
      source: .init(
        format: source.format.rawValue, sha256: source.digest,
        adaptation: adapted.map { .init(file: "adaptation.json", sha256: $0.digest) }))
  }

  private func decoderLanguage(
    isMultilingual: Bool, known: [String: Int], trained: String?, path: String
  ) throws(ImportError) -> String? {
    guard isMultilingual else {
      guard ["en", "auto"].contains(language ?? "en") else {
        throw ImportError(
          path: path,
          problem: "its weights are English-only, and \"\(language ?? "")\" is asked for",
          remedy: "Leave --language out, or import multilingual weights.")
      }
      return "en"
    }
    let language = language ?? trained ?? "en"
    if let trained, trained != language {
      throw ImportError(
        path: path,
        problem:
          "the adaptation was trained for \"\(trained.prefix(20))\", and \"\(language)\" is asked for",
        remedy: "Leave --language out, or import without --adaptation.")
    }
    if language == "auto" { return nil }
    guard known[language] != nil else {
      throw ImportError(
        path: path, problem: "it does not know the language \"\(language.prefix(20))\"",
        remedy: "Give one of \(known.keys.sorted().joined(separator: ", ")), or auto.")
    }
    return language
  }

  private func tensors(
    _ source: WhisperSource, _ adapted: Adaptation?,
    configuration: inout WhisperConfiguration
  ) throws(ImportError) -> (device: [OutputTensor], edge: [OutputTensor]) {
    func plain(_ tensors: [WhisperTensor]) throws(ImportError) -> [OutputTensor] {
      var result: [OutputTensor] = []
      for tensor in tensors {
        result.append(
          OutputTensor(name: tensor.name, shape: tensor.shape, base: try source.slice(tensor)))
      }
      return result
    }
    var device = try plain(
      WhisperTensor.device(source.sizes, layers: configuration.encoder.deviceLayers))
    var edge = try plain(WhisperTensor.edge(source.sizes))
    guard let adapted else { return (device, edge) }
    let d = source.sizes.dimension
    var exits: [(name: String, shape: [Int])] = []
    for exit in configuration.encoder.exits {
      let prefix = "exits.\(exit.afterLayer)"
      exits += [
        (prefix + ".norm.weight", [d]), (prefix + ".norm.bias", [d]),
        (prefix + ".output.weight", [adapted.vocabularySize, 2 * d]),
        (prefix + ".output.bias", [adapted.vocabularySize]),
      ]
    }
    var tail: [(name: String, shape: [Int])] = []
    if let shape = adapted.has("decoder.silenceTail", half: "edge"), shape.count == 2 {
      tail = [("decoder.silenceTail", [shape[0], d])]
      configuration.decoder.silenceTailFrames = shape[0]
    }
    var used: Set<String> = []
    device = try adapted.apply(to: device, half: "device", new: exits, used: &used)
    edge = try adapted.apply(to: edge, half: "edge", new: tail, used: &used)
    try adapted.checkAllUsed(used)
    return (device, edge)
  }

  /// `whisper-base.en` and so on; by numbers for sizes that were not published.
  private static func name(_ sizes: WhisperSizes, isMultilingual: Bool) -> String {
    let size =
      switch (sizes.encoderLayers, sizes.decoderLayers, sizes.dimension) {
      case (4, 4, 384): "tiny"
      case (6, 6, 512): "base"
      case (12, 12, 768): "small"
      case (24, 24, 1024): "medium"
      case (32, 32, 1280): sizes.melBins == 128 ? "large-v3" : "large"
      case (32, 4, 1280): "large-v3-turbo"
      default: "\(sizes.dimension)x\(sizes.encoderLayers)+\(sizes.decoderLayers)"
      }
    return "whisper-" + size + (isMultilingual ? "" : ".en")
  }

  private static func write(_ data: Data, to path: String) throws(ImportError) -> String {
    var file = try OutputFile(path: path)
    try file.write(Array(data))
    return try file.close()
  }

  /// What an adaptation brings besides weights.
  private static func copyFiles(of adaptation: Adaptation, to folder: String) throws(ImportError) {
    let models = adaptation.manifest.languageModels
    let named = [adaptation.manifest.vocabulary, models?.edge, models?.device].compactMap {
      $0?.file
    }
    let optional = ["calibration.json", "confidence.json", "decoding.json", "MODEL_CARD.md"]
      .filter { FileManager.default.fileExists(atPath: adaptation.folder + "/" + $0) }
    for name in Set(named + optional) {
      _ = try write(
        try SourceFile.contents(adaptation.folder + "/" + name), to: folder + "/" + name)
    }
  }
}
