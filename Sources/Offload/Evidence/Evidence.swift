/// Everything that a policy may look at. Handed in: deciding has no clock and no I/O, so the simulator
/// runs the very same code in virtual time.
public struct Evidence: Hashable, Codable, Sendable {
  /// Where the model's exits are, and its work.
  public var model: ModelShape
  /// Exits seen so far, in order; empty before the first.
  public var exits: [ExitEvidence]
  /// Length of the utterance in seconds.
  public var utteranceSeconds: Double
  /// Seconds left until the answer must be there; negative if it is late.
  public var deadlineRemaining: Double
  /// Signal-to-noise ratio in dB, nil if it was not estimated.
  public var signalToNoise: Double?
  public var link: LinkEstimate
  public var edge: EdgeEstimate
  /// What an offload may look like; `.none` where no edge is configured.
  public var options: OffloadOptions
  /// The device's measured speed in floating-point operations/s; nil: as its class in the costs says.
  public var deviceSpeed: Double?
  /// Now, in seconds of any clock that does not go backwards. Only policies with a budget look at it: a
  /// day is 86,400 of these seconds, so that seconds since 1970 make days of UTC.
  public var time: Double
  /// A number drawn once an utterance. What a policy leaves to chance is a function of it and of the
  /// policy's seed, so that deciding stays pure.
  public var draw: UInt32
  /// What was computed and sent while the user spoke; nil: nothing was.
  public var streamed: StreamedWork?

  public init(
    model: ModelShape, exits: [ExitEvidence], utteranceSeconds: Double, deadlineRemaining: Double,
    signalToNoise: Double? = nil, link: LinkEstimate = .unknown, edge: EdgeEstimate = .unknown,
    options: OffloadOptions = .none, deviceSpeed: Double? = nil, time: Double = 0, draw: UInt32 = 0,
    streamed: StreamedWork? = nil
  ) {
    self.model = model
    self.exits = exits
    self.utteranceSeconds = utteranceSeconds
    self.deadlineRemaining = deadlineRemaining
    self.signalToNoise = signalToNoise
    self.link = link
    self.edge = edge
    self.options = options
    self.deviceSpeed = deviceSpeed
    self.time = time
    self.draw = draw
    self.streamed = streamed
  }

  /// Encoder frames of the whole utterance, rounded up.
  public var frameCount: Double { (utteranceSeconds * model.framesPerSecond).rounded(.up) }

  /// The exit that comes next, nil after the last.
  public var nextExit: ModelShape.ExitPoint? { model.exit(after: exits.last?.exit) }

  /// Blocks that the device has computed, but for what was heard last.
  public var blocksDone: Int { max(exits.last?.afterBlock ?? 0, blocksDoneAhead) }

  /// Of these, blocks that were computed while the user spoke.
  public var blocksDoneAhead: Int { streamed?.blocksDone ?? 0 }

  /// Operations on the device until a layer of the whole utterance is there, without front end and heads.
  /// - Parameter layer: 0 for subsampled features, k for the output of block k.
  public func operationsLeft(to layer: Int) -> Double {
    guard let framesLeft else {
      return model.operations(blocks: blocksDone, to: layer) * frameCount
    }
    var left = 0.0
    let seen = max(0, exits.last?.afterBlock ?? 0)
    for block in seen..<max(seen, min(layer, model.blockCount)) {
      left += framesLeft[block] * model.blockOperations[block]
    }
    return left
  }

  /// Operations until an exit's head has seen the whole utterance, once its block has.
  public func headOperationsLeft(_ exit: ModelShape.ExitPoint) -> Double {
    guard let framesLeft, (1...framesLeft.count).contains(exit.afterBlock) else {
      return exit.afterBlock > blocksDoneAhead ? frameCount * model.exitOperations : 0
    }
    return framesLeft[exit.afterBlock - 1] * model.exitOperations
  }

  /// nil also where a log's list does not fit its model.
  private var framesLeft: [Double]? {
    streamed?.framesLeft.flatMap { $0.count == model.blockCount && !$0.isEmpty ? $0 : nil }
  }

  /// Whether the user is still speaking.
  public var isSpeaking: Bool { streamed?.isSpeaking ?? false }

  /// Seconds of speech heard so far.
  public var secondsHeard: Double { streamed?.secondsHeard ?? utteranceSeconds }

  /// Bytes that left the device while the user spoke and are still of use.
  public var bytesSentAhead: Double { streamed?.sent?.bytes ?? 0 }
}
