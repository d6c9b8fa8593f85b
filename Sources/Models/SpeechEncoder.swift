/// The device's pass over one utterance, as deep as it has been asked to go.
///
/// A device feeds samples and deepens exit by exit; an edge feeds the features of a split layer and runs the rest. Results do not
/// depend, bit by bit, on how the audio was cut, in which steps it was computed, or where the split lies.
///
/// Not Sendable: one thread at a time, and never one of Swift's cooperative pool.
public protocol SpeechEncoder: AnyObject {
  /// Layer that features are fed into; 0 when samples are.
  var firstLayer: Int { get }
  /// The layer down to which every chunk is computed as soon as it is there; once finished, down to which all are.
  var depth: Int { get }
  var isFinished: Bool { get }
  /// Bytes kept from one chunk to the next, however long the utterance.
  var stateBytes: Int { get }

  /// Takes 16 kHz samples in [-1, 1].
  /// - Parameter computing: false leaves all beyond layer 0 to `step()`.
  func append(samples: some Collection<Float>, computing: Bool)
  /// Takes features `[n, dimension]` of `firstLayer`, as another encoder's `frames(at:)` gave them.
  func append(features: some Collection<Float>)
  /// The utterance is over.
  /// - Parameter layer: the layer down to which what is left is computed now, where that is less deep than `depth`;
  ///   `advance(to:)` computes the rest. nil: as deep as `depth`.
  func finish(to layer: Int?)
  /// Computes everything down to `layer`, now and from now on.
  func advance(to layer: Int)
  /// From now on computes down to `layer`; what is there already is left to `step()`.
  func deepen(to layer: Int)
  /// Does one piece of the work that is left down to `depth`.
  /// - Returns: false if there was nothing left to do.
  @discardableResult
  func step() -> Bool
  /// Frames of `layer` so far, `[n, dimension]`.
  func frames(at layer: Int) -> [Float]
  func frameCount(at layer: Int) -> Int
  /// What exit `exit` (from 0) says of the frames that have come to it.
  func output(ofExit exit: Int) -> ExitOutput
}

extension SpeechEncoder {
  public func append(samples: some Collection<Float>) { append(samples: samples, computing: true) }
  public func finish() { finish(to: nil) }
}

/// What an exit says.
public enum ExitOutput: Sendable {
  /// Natural logarithms of a CTC head's posteriors, `[T, V]`, blank at column 0.
  case posteriors([Float])
  /// A transcript: the exit is an attention decoder's.
  case transcript(DecodedTranscript)
}

/// A transcript by an attention decoder.
public struct DecodedTranscript: Sendable, Equatable {
  /// A word and when it was said, in seconds from the beginning.
  public struct Word: Sendable, Equatable {
    public var text: String
    public var start: Double
    public var end: Double

    public init(text: String, start: Double, end: Double) {
      self.text = text
      self.start = start
      self.end = end
    }
  }

  /// Text tokens, without prompt, timestamps and end.
  public var tokens: [Int]
  /// As the decoder spells it.
  public var text: String
  /// Of the tokens and the end.
  public var logProbability: Double
  /// Mean over the tokens and the end of the posteriors' entropy, nats.
  public var meanEntropy: Double
  /// The probability of the least probable token; nil without tokens.
  public var leastProbability: Double?
  /// How probable the model says that nobody spoke; nil where it has no token for it.
  public var noSpeechProbability: Double?
  /// Whether a loop was cut off (`LoopGuard`).
  public var isCut: Bool
  /// Encoder frames that were heard.
  public var frames: Int
  /// What was spoken, such as "en"; nil where the model knows English only.
  public var language: String?
  /// Empty unless asked for.
  public var words: [Word]
  public var isEnglish: Bool { language == nil || language == "en" }

  public init(
    tokens: [Int], text: String, logProbability: Double, meanEntropy: Double,
    leastProbability: Double?, noSpeechProbability: Double?, isCut: Bool, frames: Int,
    language: String? = nil, words: [Word] = []
  ) {
    self.tokens = tokens
    self.text = text
    self.logProbability = logProbability
    self.meanEntropy = meanEntropy
    self.leastProbability = leastProbability
    self.noSpeechProbability = noSpeechProbability
    self.isCut = isCut
    self.frames = frames
    self.language = language
    self.words = words
  }
}
