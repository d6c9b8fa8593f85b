/// A transcript and what each head of the second pass makes of it, summed over all alignments.
public struct JudgedHypothesis: Sendable {
  public var tokens: [Int]
  /// log P of the CTC head.
  public var connectionist: Double
  /// log P of the transducer.
  public var transducer: Double
  /// What the transducer's internal language model gives the tokens, as a logarithm.
  public var expected: Double

  public init(tokens: [Int], connectionist: Double, transducer: Double, expected: Double) {
    self.tokens = tokens
    self.connectionist = connectionist
    self.transducer = transducer
    self.expected = expected
  }
}
