/// What to load of a model: a device needs no second pass.
public enum ModelParts: Sendable { case device, edge }

/// Which of a model's language models.
public enum LanguageModelSide: String, Sendable, CaseIterable {
  case edge
  /// The smaller one.
  case device
}

/// A model of either family, as device, edge and evaluation see it.
///
/// Layer 0 is what the front end makes of samples, layer k the output of k blocks. The device's blocks are the ones before its last
/// exit; what comes after them (a second encoder, the rest of an encoder, a decoder) is the second pass.
public protocol SpeechModel: AnyObject, Sendable {
  /// The folder that it was loaded from.
  var directory: String { get }
  var name: String { get }
  /// SHA-256 of model.json in hexadecimal. model.json holds the digests of all else, so equal fingerprints mean equal tensors.
  var fingerprint: String { get }
  /// The tokens of the exits' CTC heads; nil for a model without any.
  var exitVocabulary: Vocabulary? { get }
  /// Numbers in the weights that a device holds.
  var deviceParameterCount: Int { get }
  /// Values in one frame at every split layer.
  var dimension: Int { get }
  /// Encoder frames a second.
  var framesPerSecond: Double { get }
  /// Blocks that run on the device: split layers run from 0 to this.
  var blockCount: Int { get }
  /// Blocks before each exit: ascending, at least one, the last after all blocks.
  var exitDepths: [Int] { get }
  /// Frames that are computed together where the model streams.
  var chunkFrames: Int { get }
  /// Whether blocks can be computed while the user still speaks. Attention over the whole utterance cannot.
  var isStreaming: Bool { get }
  /// Frames of the longest utterance; nil where there is no such bound.
  var maximumFrames: Int? { get }
  /// The work of its parts, for the cost predictions.
  var work: ModelWork { get }

  /// The path of a language model that model.json names, its digest verified; nil where the model has none.
  ///
  /// - Throws: `ModelError` when the file is missing or not the one that model.json vouches for.
  func languageModelPath(_ side: LanguageModelSide) throws(ModelError) -> String?

  /// The device's pass over one utterance, or the rest of it from a split layer on.
  /// - Parameters:
  ///   - firstLayer: 0 to `blockCount`; 0 takes samples, or the features of layer 0.
  ///   - depth: the layer that streaming keeps up with; deepen later with `advance(to:)`.
  func makeEncoder(firstLayer: Int, depth: Int) -> any SpeechEncoder
}

extension SpeechModel {
  public var exitCount: Int { exitDepths.count }
  /// Seconds of audio that one chunk of encoder frames stands for.
  public var chunkSeconds: Double { Double(chunkFrames) / framesPerSecond }
  /// Seconds of the longest utterance; nil where there is no such bound.
  public var maximumSeconds: Double? { maximumFrames.map { Double($0) / framesPerSecond } }
}

/// Floating-point operations for one encoder frame; a multiplication and an addition are two.
public struct ModelWork: Sendable, Equatable {
  /// Features, and what makes layer 0 of them.
  public var frontEnd: Double
  /// Each of the device's blocks, in order.
  public var blocks: [Double]
  /// An exit with its search.
  public var exit: Double
  /// What an edge does beyond the blocks; 0 if the model has no second pass.
  public var secondPass: Double

  public init(frontEnd: Double, blocks: [Double], exit: Double, secondPass: Double) {
    self.frontEnd = frontEnd
    self.blocks = blocks
    self.exit = exit
    self.secondPass = secondPass
  }
}
