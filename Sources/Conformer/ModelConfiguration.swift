import Audio
import Foundation
import Models

/// model.json, read and checked; docs/model-format.md is normative.
public struct ModelConfiguration: Codable, Sendable, Equatable {
  public static let formatName = "tandem-model"
  public static let formatVersion = 1

  public var format: String
  public var version: Int
  public var name: String
  public var features: FeatureConfiguration
  public var subsampling: Subsampling
  public var encoder: Encoder
  public var secondEncoder: SecondEncoder?
  public var transducer: Transducer?
  public var vocabulary: File
  public var weights: Weights
  /// nil where the model has none, as every model before they existed.
  public var languageModels: LanguageModels?

  public struct Subsampling: Codable, Sendable, Equatable {
    public var channels: Int
  }

  public enum BlockType: String, Codable, Sendable {
    /// Feed-forward, convolution, feed-forward: no attention (2304.00171).
    case convolution
    /// A whole Conformer block with rotary self-attention.
    case attention
    /// A whole Conformer block with linear attention.
    case performer
  }

  public struct Block: Codable, Sendable, Equatable {
    public var type: BlockType
    public var feedForward: Int
    public var kernel: Int
    public var heads: Int?
  }

  public enum HeadType: String, Codable, Sendable {
    case linear
    /// One attention layer before the projection (2105.09121).
    case attention
  }

  public struct Exit: Codable, Sendable, Equatable {
    /// From 1: the exit follows this many blocks.
    public var afterBlock: Int
    public var head: HeadType
    public var heads: Int?
  }

  public struct Encoder: Codable, Sendable, Equatable {
    public var dimension: Int
    public var chunkFrames: Int
    public var leftChunks: Int
    public var blocks: [Block]
    public var exits: [Exit]
  }

  /// What turns the second encoder's output into a transcript.
  public enum SecondPassDecoder: String, Codable, Sendable, CaseIterable {
    case transducer
    /// The second encoder's own CTC head: what training uses as an auxiliary.
    case ctc
    /// The best transcripts of both, judged by both.
    case fused
  }

  public struct SecondEncoder: Codable, Sendable, Equatable {
    public var dimension: Int
    public var blocks: [Block]
    /// The one that did better on dev; the transducer where model.json says nothing.
    public var decoder: SecondPassDecoder?
  }

  public struct Transducer: Codable, Sendable, Equatable {
    public var context: Int
    public var embedding: Int
    public var joiner: Int
  }

  public typealias File = ModelFile

  public struct Weights: Codable, Sendable, Equatable {
    public var device: File
    public var edge: File?

    public init(device: File, edge: File?) {
      self.device = device
      self.edge = edge
    }
  }

  public struct LanguageModels: Codable, Sendable, Equatable {
    /// For the edge's beam search.
    public var edge: File?
    /// A smaller one that fits on a device.
    public var device: File?
  }

  /// What is wrong with the numbers, if anything is. Bounds keep a hostile file from asking for
  /// absurd amounts of memory.
  public var problem: String? {
    if format != Self.formatName { return "format is \"\(format)\", not \"\(Self.formatName)\"" }
    if version != Self.formatVersion {
      return "format version \(version); this program reads version \(Self.formatVersion)"
    }
    if let problem = features.problem { return "features: \(problem)" }
    if features.melBins % 4 != 0 { return "features: melBins must be a multiple of 4" }
    if !(1...512).contains(subsampling.channels) { return "subsampling.channels must be 1 to 512" }
    if !(2...4096).contains(encoder.dimension) { return "encoder.dimension must be 2 to 4096" }
    if !(1...256).contains(encoder.chunkFrames) { return "encoder.chunkFrames must be 1 to 256" }
    if !(0...256).contains(encoder.leftChunks) { return "encoder.leftChunks must be 0 to 256" }
    if !(1...128).contains(encoder.blocks.count) { return "encoder.blocks must number 1 to 128" }
    for (i, block) in encoder.blocks.enumerated() {
      if let problem = Self.problem(block, dimension: encoder.dimension) {
        return "encoder.blocks[\(i)]: \(problem)"
      }
    }
    if encoder.exits.isEmpty { return "encoder.exits is empty" }
    for (i, exit) in encoder.exits.enumerated() {
      let previous = i == 0 ? 0 : encoder.exits[i - 1].afterBlock
      if !(previous + 1...encoder.blocks.count).contains(exit.afterBlock) {
        return "encoder.exits[\(i)].afterBlock must ascend and lie within the blocks"
      }
      if exit.head == .attention,
        let problem = Self.headsProblem(exit.heads, dimension: encoder.dimension)
      {
        return "encoder.exits[\(i)]: \(problem)"
      }
    }
    if encoder.exits.last?.afterBlock != encoder.blocks.count {
      return "the last exit must follow the last block"
    }
    if (secondEncoder == nil) != (transducer == nil) {
      return "secondEncoder and transducer must both be there or both be null"
    }
    if let second = secondEncoder {
      if weights.edge == nil { return "weights.edge is missing" }
      if !(2...4096).contains(second.dimension) {
        return "secondEncoder.dimension must be 2 to 4096"
      }
      if second.blocks.count > 128 { return "secondEncoder.blocks must number at most 128" }
      for (i, block) in second.blocks.enumerated() {
        if let problem = Self.problem(block, dimension: second.dimension) {
          return "secondEncoder.blocks[\(i)]: \(problem)"
        }
      }
    }
    if let transducer {
      if !(1...8).contains(transducer.context) { return "transducer.context must be 1 to 8" }
      if !(1...4096).contains(transducer.embedding) {
        return "transducer.embedding must be 1 to 4096"
      }
      if !(1...4096).contains(transducer.joiner) { return "transducer.joiner must be 1 to 4096" }
    }
    let optional = [weights.edge, languageModels?.edge, languageModels?.device]
    let files = [vocabulary, weights.device] + optional.compactMap { $0 }
    for file in files where !file.isPlain {
      return "\"\(file.file)\" must be a plain file name in the model folder"
    }
    return nil
  }

  private static func problem(_ block: Block, dimension: Int) -> String? {
    if !(1...16_384).contains(block.feedForward) { return "feedForward must be 1 to 16384" }
    if !(1...127).contains(block.kernel) || block.kernel % 2 == 0 {
      return "kernel must be odd and at most 127"
    }
    return block.type == .convolution ? nil : headsProblem(block.heads, dimension: dimension)
  }

  private static func headsProblem(_ heads: Int?, dimension: Int) -> String? {
    guard let heads, (1...64).contains(heads), dimension % (2 * heads) == 0 else {
      return "heads must be there, and twice their number must divide the dimension \(dimension)"
    }
    return nil
  }
}
