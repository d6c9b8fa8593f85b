/// One utterance from its first sample to its answer: every rule of when to compute, send, withdraw and answer.
///
/// A pure state machine: no clock, no I/O, no tasks. A driver hands in what happened, with its time, and carries out the
/// effects in order. The device drives it with its inference thread and its link, the simulator in virtual time; neither
/// has a rule of its own, so what the simulator measures is what ships.
///
/// ```
///   speechBegan ─ heard … heard ─ speechEnded ─ caughtUp ─┬─ exitReady ─┬─ … ─ answer
///   (left out where nothing is done ahead)                └── observed ─┘
/// ```
///
/// The user stops speaking with `speechEnded`; an utterance that is handed over as a whole begins with it. The deadline
/// counts from there. The policy is asked before the first exit and after each (`observe`, answered with `observed`),
/// until it stops at an exit or offloads; then `AnswerRace` says who answers.
public struct UtteranceSession: Sendable {
  public struct Settings: Sendable {
    /// Where the model's exits are, and its work.
    public var model: ModelShape
    /// What an offload may look like; `.none` without a link.
    public var options: OffloadOptions
    /// Seconds from the end of speech within which there must be an answer.
    public var deadline: Double
    /// Whether the device goes on computing while the edge is asked, and answers itself when the edge does not.
    public var hedge: Bool
    public var speculation: SpeculationSettings
    public var costs: CostPredictor
    /// The longest that an utterance can become, in seconds.
    public var maximumSeconds: Double

    public init(
      model: ModelShape, options: OffloadOptions, deadline: Double, hedge: Bool,
      speculation: SpeculationSettings, costs: CostPredictor, maximumSeconds: Double
    ) {
      self.model = model
      self.options = options
      self.deadline = deadline
      self.hedge = hedge
      self.speculation = speculation
      self.costs = costs
      self.maximumSeconds = maximumSeconds
    }
  }

  /// What the device knows of the world around it when the policy is asked.
  public struct Surroundings: Hashable, Sendable {
    public var link: LinkEstimate
    public var edge: EdgeEstimate
    /// Measured, in operations a second; nil: not yet.
    public var deviceSpeed: Double?
    /// Frames of the stream under way that the edge has acknowledged.
    public var framesAcknowledged: Double
    /// Bytes that have left the device for that stream, framing included.
    public var bytesSent: Double
    /// Bytes that this utterance's streams have sent and received so far, framing included.
    public var bytesSpent: Double

    public init(
      link: LinkEstimate = .unknown, edge: EdgeEstimate = .unknown, deviceSpeed: Double? = nil,
      framesAcknowledged: Double = 0, bytesSent: Double = 0, bytesSpent: Double = 0
    ) {
      self.link = link
      self.edge = edge
      self.deviceSpeed = deviceSpeed
      self.framesAcknowledged = framesAcknowledged
      self.bytesSent = bytesSent
      self.bytesSpent = bytesSpent
    }
  }

  /// What was spoken, once the user has stopped.
  public struct Speech: Hashable, Sendable {
    public var seconds: Double
    /// In dB; nil: not estimated.
    public var signalToNoise: Double?
    /// By block: encoder frames that have not been through it yet.
    public var framesLeft: [Double]
    /// Blocks that kept up with the speech.
    public var blocksDone: Int

    public init(
      seconds: Double, signalToNoise: Double? = nil, framesLeft: [Double] = [], blocksDone: Int = 0
    ) {
      self.seconds = seconds
      self.signalToNoise = signalToNoise
      self.framesLeft = framesLeft
      self.blocksDone = blocksDone
    }
  }

  public enum Event: Sendable {
    /// The user begins to speak, and the device will compute meanwhile.
    case speechBegan(Surroundings)
    /// So much was heard, and the exits that keep up say this of it.
    case heard(seconds: Double, exits: [ExitEvidence], blocks: Int, Surroundings)
    /// The user has stopped.
    case speechEnded
    /// What `catchUp` asked for is computed.
    case caughtUp(Speech)
    /// The answer to `observe`.
    case observed(Surroundings)
    /// The exit that `compute` asked for.
    case exitReady(ExitEvidence)
    /// The features that `computeFeatures` asked for.
    case featuresReady
    /// The edge's transcript is there.
    case answered
    /// The stream under way has ended without.
    case failed(EdgeFailure)
    /// The time that `deadline` says has come.
    case deadline
    /// The user, or the caller, has given up.
    case cancelled
  }

  /// What the driver is to do, in order.
  public enum Effect: Hashable, Sendable {
    /// Keep up with the speech down to this block.
    case keepUp(toBlock: Int)
    /// Begin a stream, and send features as they become ready.
    case open(Speculation.Start)
    /// Compute what was heard last, down to this layer (0: the front end alone), and tell `caughtUp`.
    case catchUp(toLayer: Int)
    /// Tell `observed`.
    case observe
    /// Compute down to this exit, and tell `exitReady`. Asked again for what is being computed, go on.
    case compute(exit: Int)
    /// Compute the features of this layer, and tell `featuresReady`.
    case computeFeatures(layer: Int)
    /// Open a stream for the whole utterance, and send all of it.
    /// - grantedBytes: what it may send and receive; nil: no limit.
    case send(SpeculationPlan, grantedBytes: Double?)
    /// The stream that was begun while the user spoke becomes the offload: send its end.
    case keep(SpeculationPlan)
    /// Cancel the stream.
    case withdraw
    /// The utterance is over.
    case answer(AnswerRace.Answer)
    /// The utterance was given up: there is no answer.
    case giveUp
  }

  private enum State {
    case idle
    case listening
    case catchingUp
    /// Waits for `observed`, to ask the policy.
    case observing
    /// Computes the next exit, to ask the policy then.
    case computing
    /// The policy offloads, and the features are not there yet.
    case shipping(SpeculationPlan, grantedBytes: Double?)
    case racing
    case over
  }

  /// Times that a budget may refuse in one decision, before the policy is offered no offload any more.
  static let mostRefusals = 8

  public let settings: Settings
  public let policy: any Policy
  /// Names the utterance to policies that learn.
  public let utterance: UInt64
  /// What a policy leaves to chance.
  public let draw: UInt32
  public private(set) var speculation: Speculation
  /// Exits of the whole utterance that are computed.
  public private(set) var exits: [ExitEvidence] = []
  /// The policy's decisions, in order; the last was carried out.
  public private(set) var decisions: [Decision] = []
  /// When the last of them was made.
  public private(set) var decidedAt: Double?
  /// What the policy saw then.
  public private(set) var evidence: Evidence?
  /// When the user stopped speaking.
  public private(set) var ended: Double?
  /// Who answers; nil until the policy has stopped or offloaded.
  public private(set) var race: AnswerRace?
  private var state = State.idle
  private var isDeadlinePassed = false
  /// Whether anything was done before the end of speech.
  private var isStreamed = false
  private var blocksKeptUp = 0
  private var speech = Speech(seconds: 0)

  public init(settings: Settings, policy: any Policy, utterance: UInt64, draw: UInt32) {
    self.settings = settings
    self.policy = policy
    self.utterance = utterance
    self.draw = draw
    speculation = Speculation(
      settings: settings.speculation, costs: settings.costs,
      maximumSeconds: settings.maximumSeconds)
  }

  /// When the answer must be there; nil while the user speaks.
  public var deadline: Double? { ended.map { $0 + settings.deadline } }

  /// Whether an exit that is being computed is one that the policy will be asked about.
  public var isDeciding: Bool { if case .computing = state { true } else { false } }

  /// - Parameter time: seconds of the clock of `Evidence.time`; never earlier than that of the event before.
  public mutating func handle(_ event: Event, at time: Double) -> [Effect] {
    switch (event, state) {
    case (_, .over): return []
    case (.cancelled, _):
      let isSending = speculation.plan != nil || isAsking
      _ = speculation.cancel()
      state = .over
      return (isSending ? [.withdraw] : []) + [.giveUp]

    case (.speechBegan(let surroundings), .idle):
      state = .listening
      isStreamed = true
      return consider(
        [], seconds: Speculation.supposedSeconds, heard: 0, blocks: 0, surroundings, at: time)
    case (.heard(let seconds, let exits, let blocks, let surroundings), .listening):
      return consider(
        exits, seconds: seconds, heard: seconds, blocks: blocks, surroundings, at: time)
    case (.speechEnded, .idle), (.speechEnded, .listening):
      state = .catchingUp
      ended = time
      // What is being sent is computed first.
      return [.catchUp(toLayer: speculation.plan?.splitLayer ?? 0)]
    case (.caughtUp(let speech), .catchingUp):
      self.speech = speech
      state = .observing
      return [.observe]

    case (.observed(let surroundings), .observing):
      return decide(surroundings, at: time)
    case (.exitReady(let exit), .computing):
      exits.append(exit)
      state = .observing
      return [.observe]
    case (.exitReady(let exit), .racing):
      exits.append(exit)
      return advance(.exitReady)
    case (.featuresReady, .shipping(let plan, let grantedBytes)):
      state = .racing
      return [.send(plan, grantedBytes: grantedBytes)] + carryOut(race?.begin() ?? .wait)

    case (.failed(let why), .racing): return advance(.failed(why))
    case (.failed, _):
      speculation.lost()
      return []
    case (.answered, .racing): return advance(.answered)

    case (.deadline, _) where isDeadlinePassed: return []
    case (.deadline, .computing) where !exits.isEmpty:
      isDeadlinePassed = true
      state = .observing
      return [.observe]
    case (.deadline, .shipping):
      // Nothing has left, and nothing will.
      isDeadlinePassed = true
      state = .racing
      return advance(.deadline)
    case (.deadline, .racing):
      isDeadlinePassed = true
      return (isAsking ? [.withdraw] : []) + advance(.deadline)
    case (.deadline, _):
      isDeadlinePassed = true
      return []
    case (.speechBegan, _), (.heard, _), (.speechEnded, _), (.caughtUp, _), (.observed, _),
      (.exitReady, _), (.featuresReady, _), (.answered, _):
      // Too late to be of use.
      return []
    }
  }

  // MARK: While the user speaks

  private mutating func consider(
    _ exits: [ExitEvidence], seconds: Double, heard: Double, blocks: Int,
    _ surroundings: Surroundings, at time: Double
  ) -> [Effect] {
    let advice = speculation.consider(
      Evidence(
        model: settings.model, exits: exits, utteranceSeconds: seconds,
        deadlineRemaining: settings.deadline, link: surroundings.link, edge: surroundings.edge,
        options: settings.options, deviceSpeed: surroundings.deviceSpeed, time: time, draw: draw,
        streamed: StreamedWork(isSpeaking: true, secondsHeard: heard, blocksDone: blocks)),
      policy: policy, utterance: utterance)
    var effects: [Effect] = []
    if let start = advice.start { effects.append(.open(start)) }
    if advice.blocks > blocksKeptUp {
      blocksKeptUp = advice.blocks
      effects.append(.keepUp(toBlock: advice.blocks))
    }
    return effects
  }

  // MARK: Deciding

  private func evidence(_ surroundings: Surroundings, at time: Double) -> Evidence {
    var streamed: StreamedWork?
    if isStreamed {
      streamed = StreamedWork(
        isSpeaking: false, secondsHeard: speech.seconds, blocksDone: speech.blocksDone,
        framesLeft: speech.framesLeft)
      if let plan = speculation.plan {
        streamed?.sent = SentAhead(
          splitLayer: plan.splitLayer, codec: plan.codec,
          frames: surroundings.framesAcknowledged, bytes: surroundings.bytesSent)
      }
      streamed?.reservedBytes = speculation.grantedBytes.map {
        max(0, $0 - surroundings.bytesSpent)
      }
    }
    return speculation.evidence(
      Evidence(
        model: settings.model, exits: exits, utteranceSeconds: speech.seconds,
        deadlineRemaining: max(0, (deadline ?? time) - time), signalToNoise: speech.signalToNoise,
        link: surroundings.link, edge: surroundings.edge, options: settings.options,
        deviceSpeed: surroundings.deviceSpeed, time: time, draw: draw, streamed: streamed))
  }

  private mutating func decide(_ surroundings: Surroundings, at time: Double) -> [Effect] {
    if let deadline, time >= deadline { isDeadlinePassed = true }
    var evidence = evidence(surroundings, at: time)
    var grantedBytes = speculation.grantedBytes
    let learner = policy as? any LearningPolicy
    var refusals = 0
    var decision: Decision
    while true {
      decision = policy.decide(evidence)
      if isDeadlinePassed, let deepest = exits.last {
        decision = Self.stop(at: deepest, instead: decision, evidence)
      }
      guard let learner, decision.action != .nextExit, !speculation.hasReservation else { break }
      let permission = learner.begin(decision, utterance: utterance, at: time)
      if case .granted(let bytes) = permission {
        grantedBytes = bytes
        break
      }
      // Another utterance took what was left; `decide` knows now.
      refusals += 1
      if refusals == Self.mostRefusals { evidence.options = .none }
      if refusals > Self.mostRefusals { break }
    }
    decisions.append(decision)
    decidedAt = time
    self.evidence = evidence
    let settlement = speculation.settle(decision)
    var effects: [Effect] = []
    if case .withdraw = settlement { effects.append(.withdraw) }
    switch decision.action {
    case .nextExit where exits.count < settings.model.exits.count:
      state = .computing
      return effects + [.compute(exit: exits.count + 1)]
    case .nextExit:
      // There is none: the last one's transcript is what there is.
      return effects + begin(.exit(settings.model.exits.count))
    case .stop(let exit):
      return effects + begin(.exit(exit))
    case .offload(let layer, let codec, let duration):
      let plan = SpeculationPlan(splitLayer: layer, codec: codec, packetDuration: duration)
      let aim = AnswerRace.Aim.edge(hedges: settings.hedge)
      if isDeadlinePassed {
        // Nobody would wait for the answer: nothing is sent any more.
        if case .keep = settlement { effects.append(.withdraw) }
        race = AnswerRace(aim: aim, exitsReady: exits.count, exitCount: settings.model.exits.count)
        state = .racing
        return effects + advance(.deadline)
      }
      if case .keep = settlement { return effects + [.keep(plan)] + begin(aim) }
      race = AnswerRace(aim: aim, exitsReady: exits.count, exitCount: settings.model.exits.count)
      // What a stream that broke has spent is not there any more.
      state = .shipping(
        plan, grantedBytes: grantedBytes.map { max(0, $0 - surroundings.bytesSpent) })
      return effects + [.computeFeatures(layer: layer)]
    }
  }

  /// The deadline has passed: the deepest exit that is there is the answer, whatever the policy would like.
  private static func stop(
    at exit: ExitEvidence, instead decision: Decision, _ evidence: Evidence
  ) -> Decision {
    let action = Action.stop(exit: exit.exit)
    if decision.action == action { return decision }
    return Decision(
      policy: decision.policy, action: action, reason: .deadlinePassed,
      predictions: decision.predictions.map {
        Decision.Prediction(
          action: $0.action, cost: $0.cost, probability: $0.action == action ? 1 : 0)
      }, evidence: evidence)
  }

  // MARK: Answering

  /// Whether the edge is being asked by a stream that is under way.
  private var isAsking: Bool {
    guard case .racing = state, let race, case .edge = race.aim else { return false }
    return race.failure == nil && race.answer == nil
  }

  private mutating func begin(_ aim: AnswerRace.Aim) -> [Effect] {
    var race = AnswerRace(
      aim: aim, exitsReady: exits.count, exitCount: settings.model.exits.count)
    let step = race.begin()
    self.race = race
    state = .racing
    return carryOut(step)
  }

  private mutating func advance(_ event: AnswerRace.Event) -> [Effect] {
    carryOut(race?.handle(event) ?? .wait)
  }

  private mutating func carryOut(_ step: AnswerRace.Step) -> [Effect] {
    switch step {
    case .wait: return []
    case .compute(let exit): return [.compute(exit: exit)]
    case .answer(let answer):
      state = .over
      return [.answer(answer)]
    }
  }
}
