import Models
import Tensors

/// A trained recogniser: configuration, vocabulary and weights, shared by every stream.
///
/// ```swift
/// let model = try Model.load(directory: "Models/english", parts: .device)
/// let stream = UtteranceEncoder(model: model)
/// ```
public final class Model: Sendable {
  /// What to load: a device needs no second pass.
  public typealias Parts = ModelParts

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
    let folder = ModelFolder(directory)
    let (bytes, fingerprint) = try folder.configuration()
    self.fingerprint = fingerprint
    configuration = try folder.decode(ModelConfiguration.self, from: bytes)
    if let problem = configuration.problem {
      throw .badConfiguration(
        path: folder.path(of: ModelFolder.configurationName), reason: problem)
    }
    vocabulary = try Vocabulary(
      json: try folder.data(configuration.vocabulary),
      path: folder.path(of: configuration.vocabulary.file))
    let size = vocabulary.tokens.count

    let reader = try folder.weights(configuration.weights.device)
    deviceParameterCount = reader.parameterCount
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
      let edgeReader = try folder.weights(edge)
      secondEncoder = try SecondEncoder(
        edgeReader, configuration: second, inputs: encoder.dimension, vocabulary: size)
      transducer = try Transducer(
        edgeReader, configuration: joint, inputs: second.dimension, vocabulary: size)
    } else {
      secondEncoder = nil
      transducer = nil
    }
  }
}
