import Basics
import Foundation
import Tensors

/// A trained recogniser: configuration, vocabulary and weights, shared by every stream.
///
/// ```swift
/// let model = try Model.load(directory: "Models/english", parts: .device)
/// let stream = UtteranceEncoder(model: model)
/// ```
public final class Model: Sendable {
  /// What to load: a device needs no second pass.
  public enum Parts: Sendable { case device, edge }

  public let directory: String
  public let configuration: ModelConfiguration
  /// SHA-256 of model.json in hexadecimal. model.json holds the digests of all else, so equal
  /// fingerprints mean equal tensors.
  public let fingerprint: String
  public let vocabulary: Vocabulary

  /// Numbers in device.safetensors: the weights of the first pass and its exits, and the features' statistics.
  public let deviceParameterCount: Int

  let featureMean: Tensor
  let featureDeviation: Tensor
  let subsampling: Subsampling
  let blocks: [Block]
  let exits: [ExitHead]
  let secondEncoder: SecondEncoder?
  /// nil when only the device's part was loaded.
  public let transducer: Transducer?

  public var vocabularySize: Int { vocabulary.tokens.count }
  /// Blocks that run on the device: split layers run from 0 to this.
  public var blockCount: Int { blocks.count }
  public var exitCount: Int { exits.count }
  public var dimension: Int { configuration.encoder.dimension }
  /// Encoder frames a second: 100 log-mel frames, subsampled by four.
  public var framesPerSecond: Double {
    Double(configuration.features.sampleRate) / Double(configuration.features.hopSamples) / 4
  }

  /// Seconds of audio that one chunk of encoder frames stands for.
  public var chunkSeconds: Double { Double(configuration.encoder.chunkFrames) / framesPerSecond }

  /// Loads and checks a model folder.
  ///
  /// - Throws: `ModelError` naming the missing, misshapen, non-finite or changed thing.
  public static func load(directory: String, parts: Parts) throws(ModelError) -> Model {
    try Model(directory: directory, parts: parts)
  }

  private init(directory: String, parts: Parts) throws(ModelError) {
    self.directory = directory
    useOneThreadPerMatrixProduct()
    let path = directory + "/model.json"
    let bytes = try Self.read(path, limit: 1 << 20)
    fingerprint = SHA256.hash(of: bytes).hexadecimal
    do {
      configuration = try JSONDecoder().decode(ModelConfiguration.self, from: bytes)
    } catch {
      throw .badConfiguration(path: path, reason: Self.explain(error))
    }
    if let problem = configuration.problem { throw .badConfiguration(path: path, reason: problem) }

    let vocabularyPath = directory + "/" + configuration.vocabulary.file
    let vocabularyBytes = try Self.read(vocabularyPath, limit: 16 << 20)
    try Self.verify(vocabularyBytes, configuration.vocabulary, path: vocabularyPath)
    vocabulary = try Vocabulary(json: vocabularyBytes, path: vocabularyPath)
    let size = vocabulary.tokens.count

    let reader = try Self.open(configuration.weights.device, in: directory)
    deviceParameterCount = reader.file.tensorNames.reduce(0) { sum, name in
      sum + (reader.file.shape(of: name) ?? [0]).reduce(1, *)
    }
    let bins = configuration.features.melBins
    featureMean = try reader.tensor("features.mean", [bins])
    featureDeviation = try reader.tensor("features.standardDeviation", [bins])
    guard featureDeviation.values.allSatisfy({ $0 > 0 }) else {
      throw .badConfiguration(
        path: reader.file.path, reason: "features.standardDeviation must be positive")
    }
    subsampling = try Subsampling(reader, configuration: configuration)
    let encoder = configuration.encoder
    var blocks: [Block] = []
    for (i, block) in encoder.blocks.enumerated() {
      blocks.append(
        try Block(
          reader, prefix: "encoder.blocks.\(i)", dimension: encoder.dimension, block: block))
    }
    self.blocks = blocks
    var exits: [ExitHead] = []
    for (i, exit) in encoder.exits.enumerated() {
      exits.append(
        try ExitHead(
          reader, index: i, exit: exit, dimension: encoder.dimension, vocabulary: size))
    }
    self.exits = exits

    if parts == .edge {
      guard let second = configuration.secondEncoder, let joint = configuration.transducer,
        let edge = configuration.weights.edge
      else { throw .deviceOnly(path: directory) }
      let edgeReader = try Self.open(edge, in: directory)
      secondEncoder = try SecondEncoder(
        edgeReader, configuration: second, inputs: encoder.dimension, vocabulary: size)
      transducer = try Transducer(
        edgeReader, configuration: joint, inputs: second.dimension, vocabulary: size)
    } else {
      secondEncoder = nil
      transducer = nil
    }
  }

  private static func open(_ file: ModelConfiguration.File, in directory: String)
    throws(ModelError) -> WeightsReader
  {
    let path = directory + "/" + file.file
    guard FileManager.default.fileExists(atPath: path) else { throw .missingFile(path: path) }
    let weights: SafetensorsFile
    do {
      weights = try SafetensorsFile(path: path)
    } catch {
      throw .weights(error.description)
    }
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
    } catch {
      throw .unreadable(path: path, reason: "\(error.localizedDescription)")
    }
    try verify(data, file, path: path)
    return WeightsReader(file: weights)
  }

  private static func verify(_ bytes: Data, _ file: ModelConfiguration.File, path: String)
    throws(ModelError)
  {
    let found = SHA256.hash(of: bytes).hexadecimal
    guard found == file.sha256.lowercased() else {
      throw .digestMismatch(path: path, expected: file.sha256, found: found)
    }
  }

  private static func read(_ path: String, limit: Int) throws(ModelError) -> Data {
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else {
      throw .missingFile(path: path)
    }
    if let size = attributes[.size] as? Int, size > limit {
      throw .unreadable(path: path, reason: "it has \(size) bytes; at most \(limit) are read")
    }
    do {
      return try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw .unreadable(path: path, reason: "\(error.localizedDescription)")
    }
  }

  private static func explain(_ error: any Error) -> String {
    func place(_ path: [any CodingKey]) -> String {
      path.isEmpty ? "the top level" : path.map(\.stringValue).joined(separator: ".")
    }
    switch error as? DecodingError {
    case .keyNotFound(let key, let context):
      return "the key \(key.stringValue) is missing at \(place(context.codingPath))"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      return "the value at \(place(context.codingPath)) has the wrong type"
    case .dataCorrupted(let context):
      return "it is not valid JSON, or the value at \(place(context.codingPath)) is unknown"
    default:
      return "it cannot be read"
    }
  }
}
