/// What deciding needs to know of a model: where its exits are and how much work lies between them.
///
/// Work is in floating-point operations for one encoder frame (a multiplication and an addition are two).
public struct ModelShape: Hashable, Codable, Sendable {
  /// An exit: its number from 1, and the blocks before it.
  public struct ExitPoint: Hashable, Codable, Sendable {
    public var exit: Int
    public var afterBlock: Int

    public init(exit: Int, afterBlock: Int) {
      self.exit = exit
      self.afterBlock = afterBlock
    }
  }

  /// Exits in ascending order.
  public var exits: [ExitPoint]
  /// Encoder frames a second, 25 after 4x subsampling of 10 ms frames.
  public var framesPerSecond: Double
  /// Features and subsampling.
  public var frontEndOperations: Double
  /// Each block of the device's encoder, in order.
  public var blockOperations: [Double]
  /// One exit head with its search.
  public var exitOperations: Double
  /// Second encoder and transducer; 0 if the model has none.
  public var secondPassOperations: Double

  public init(
    exits: [ExitPoint], framesPerSecond: Double, frontEndOperations: Double,
    blockOperations: [Double], exitOperations: Double, secondPassOperations: Double
  ) {
    self.exits = exits
    self.framesPerSecond = framesPerSecond
    self.frontEndOperations = frontEndOperations
    self.blockOperations = blockOperations
    self.exitOperations = exitOperations
    self.secondPassOperations = secondPassOperations
  }

  /// Blocks of the device's encoder.
  public var blockCount: Int { blockOperations.count }

  /// The first exit after `exit`, or the first of all for nil; nil if there is none.
  public func exit(after exit: Int?) -> ExitPoint? {
    exits.first { $0.exit > (exit ?? 0) }
  }

  /// Operations a frame of blocks `from`..<`to`, counted from 0; numbers outside are clipped.
  public func operations(blocks from: Int, to: Int) -> Double {
    let lower = min(max(from, 0), blockCount)
    let upper = min(max(to, lower), blockCount)
    var sum = 0.0
    for block in lower..<upper { sum += blockOperations[block] }
    return sum
  }
}
