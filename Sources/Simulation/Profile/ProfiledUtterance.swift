import Offload

/// Every line of a profile but the first: all that the real system would do with one recording.
public struct ProfiledUtterance: Codable, Sendable, Hashable {
  /// What an exit said, and how wrong it was.
  public struct Exit: Codable, Sendable, Hashable {
    public var evidence: ExitEvidence
    /// Substitutions, deletions and insertions.
    public var wordErrors: Int
    /// What the exit said; nil where the profile was read without transcripts, which no simulation needs.
    public var transcript: String?

    public init(evidence: ExitEvidence, wordErrors: Int, transcript: String? = nil) {
      self.evidence = evidence
      self.wordErrors = wordErrors
      self.transcript = transcript
    }
  }

  /// What the exits said while the user was still speaking.
  public struct Prefix: Codable, Sendable, Hashable {
    /// Seconds of speech heard.
    public var seconds: Double
    /// Of every exit, over the whole chunks that were computed by then: none if there was no chunk yet.
    public var exits: [ExitEvidence]

    public init(seconds: Double, exits: [ExitEvidence]) {
      self.seconds = seconds
      self.exits = exits
    }
  }

  /// What the edge path gives for one split layer and codec.
  public struct Edge: Codable, Sendable, Hashable {
    public var splitLayer: Int
    /// Index into `FeatureCodec.table`.
    public var codec: Int
    /// Payload bytes of all packets, without framing.
    public var bytes: Int
    public var wordErrors: Int
    /// Operations of the edge; nil: as the header's shape says.
    public var operations: Double?
    /// What the edge answered; nil as in `Exit`.
    public var transcript: String?

    public init(
      splitLayer: Int, codec: Int, bytes: Int, wordErrors: Int, operations: Double? = nil,
      transcript: String? = nil
    ) {
      self.splitLayer = splitLayer
      self.codec = codec
      self.bytes = bytes
      self.wordErrors = wordErrors
      self.operations = operations
      self.transcript = transcript
    }
  }

  /// Audio to a server that has the whole model.
  public struct Baseline: Codable, Sendable, Hashable {
    public var name: String
    /// Bytes of all encoded frames with their lengths, without the framing of the stream's packets.
    public var bytes: Int
    public var wordErrors: Int
    /// What the server answered; nil as in `Exit`.
    public var transcript: String?

    public init(name: String, bytes: Int, wordErrors: Int, transcript: String? = nil) {
      self.name = name
      self.bytes = bytes
      self.wordErrors = wordErrors
      self.transcript = transcript
    }
  }

  public var id: String
  /// Seconds of speech.
  public var seconds: Double
  /// Words of the reference.
  public var referenceWords: Int
  /// Estimated, in dB; nil if it was not.
  public var signalToNoise: Double?
  /// One an exit of the header's shape, in its order.
  public var exits: [Exit]
  /// One a split layer and codec of the header.
  public var edge: [Edge]
  /// One a name of the header's `baselines`.
  public var baselines: [Baseline]
  /// One every `ProfileHeader.prefixSeconds` of speech, the whole utterance not among them; nil in profiles that
  /// were made without.
  public var prefixes: [Prefix]?

  public init(
    id: String, seconds: Double, referenceWords: Int, signalToNoise: Double? = nil, exits: [Exit],
    edge: [Edge], baselines: [Baseline] = [], prefixes: [Prefix]? = nil
  ) {
    self.id = id
    self.seconds = seconds
    self.referenceWords = referenceWords
    self.signalToNoise = signalToNoise
    self.exits = exits
    self.edge = edge
    self.baselines = baselines
    self.prefixes = prefixes
  }

  /// The same without any transcript.
  var withoutTranscripts: ProfiledUtterance {
    var copy = self
    for index in copy.exits.indices { copy.exits[index].transcript = nil }
    for index in copy.edge.indices { copy.edge[index].transcript = nil }
    for index in copy.baselines.indices { copy.baselines[index].transcript = nil }
    return copy
  }
}
