/// Sending ahead: features leave while the user still speaks, when an offload is likely.
///
/// One utterance's state, pure: evidence comes in, what to do comes out. Whoever carries it out:
///
/// ```swift
/// let advice = speculation.consider(evidence, policy: policy, utterance: id)   // now and then, while the user speaks
/// // … compute to `advice.blocks`; if there is `advice.start`, open the stream and send what is ready …
/// let decision = policy.decide(speculation.evidence(atTheEnd))                 // as often as the utterance needs
/// switch speculation.settle(decision) { … }                                   // keep, withdraw, or neither yet
/// ```
///
/// The policy has the first word and the last: it is asked as if the utterance were over, and a policy that never
/// offloads never starts anything. A policy with a budget reserves what the longest utterance could take before the
/// first byte leaves; refused, there is no sending ahead. One layer and one codec an utterance: at its end the
/// policy may offload that, or withdraw it, and nothing else.
public struct Speculation: Sendable {
  public enum Phase: Hashable, Sendable {
    /// Nothing was sent.
    case watching
    /// The budget said no; nothing will be sent ahead.
    case refused
    /// Packets leave as their features become ready.
    case sending(SpeculationPlan)
    /// The stream broke, or was refused by the edge.
    case lost(SpeculationPlan)
    /// It became the offload.
    case kept(SpeculationPlan)
    /// The policy stopped: what was sent was in vain.
    case withdrawn(SpeculationPlan)
  }

  /// What to do while the user speaks.
  public struct Advice: Hashable, Sendable {
    /// Blocks to keep up with; never fewer than before.
    public var blocks: Int
    /// Not nil: begin to send.
    public var start: Start?
  }

  public struct Start: Hashable, Sendable {
    public var plan: SpeculationPlan
    /// What may be sent and received in all, framing included, the offload it becomes included; nil: no limit.
    public var grantedBytes: Double?
  }

  /// What a decision at the end means for what was sent.
  public enum Settlement: Hashable, Sendable {
    /// Nothing is under way, or the decision is to go on to the next exit.
    case nothing
    /// Send the end: the stream is the offload.
    case keep(SpeculationPlan)
    /// Cancel the stream.
    case withdraw(SpeculationPlan)
  }

  /// Length of speech that is supposed when the user begins to speak, to choose a depth before anything was heard.
  public static let supposedSeconds = 1.0

  public let settings: SpeculationSettings
  public private(set) var phase = Phase.watching
  /// What a budget granted; nil: nothing was reserved, or without limit.
  public private(set) var grantedBytes: Double?
  /// Seconds of speech after which sending began; nil if it did not.
  public private(set) var startedAfter: Double?
  /// Whether `LearningPolicy.begin` was called for this utterance: it must not be called again.
  public private(set) var hasReservation = false
  private let costs: CostPredictor
  private let maximumSeconds: Double
  private var blocks = 0

  /// - Parameter maximumSeconds: the longest that an utterance can become; reserved for.
  public init(settings: SpeculationSettings, costs: CostPredictor, maximumSeconds: Double) {
    self.settings = settings
    self.costs = costs
    self.maximumSeconds = maximumSeconds
  }

  /// What is being sent; nil if nothing is.
  public var plan: SpeculationPlan? {
    if case .sending(let plan) = phase { plan } else { nil }
  }

  /// What to do, now that so much was heard; called when the user begins to speak, and now and then from there on.
  /// - Parameters:
  ///   - evidence: of what was heard, as if the utterance were over: its length is what was heard, the whole deadline
  ///     is left, its exits are those computed so far, and `streamed` says that the user is speaking.
  ///   - utterance: the utterance's id, for a policy's reservation.
  public mutating func consider(
    _ evidence: Evidence, policy: any Policy, utterance: UInt64
  ) -> Advice {
    let realTime = StreamingDepth.blocks(
      evidence.model, operationsPerSecond: costs.operationsPerSecond(evidence),
      share: settings.depthShare)
    var asked = evidence
    // What cannot be computed in time to be sent is not sent ahead.
    asked.options.splitLayers.removeAll { $0 > max(realTime, blocks) }
    if settings.mode == .off || phase != .watching { asked.options = .none }
    let outlook = SpeculationOutlook(asked, policy: policy)
    var wanted = max(outlook.blocksWanted, evidence.model.exits.first?.afterBlock ?? 0)
    let start = start(outlook, asked, policy: policy, utterance: utterance)
    if let layer = start?.plan.splitLayer { wanted = max(wanted, layer) }
    if let planner = policy as? any DepthPlanning {
      wanted = planner.depth(asked, from: max(wanted, blocks), most: realTime, costs: costs)
    }
    blocks = max(blocks, min(wanted, realTime))
    return Advice(blocks: blocks, start: start)
  }

  private mutating func start(
    _ outlook: SpeculationOutlook, _ evidence: Evidence, policy: any Policy, utterance: UInt64
  ) -> Start? {
    guard phase == .watching, settings.mode != .off, let plan = outlook.plan,
      outlook.likelihood >= settings.threshold, outlook.likelihood > 0,
      evidence.secondsHeard >= settings.minimumSeconds,
      settings.mode == .likely
        || costs.speculationGain(evidence, plan: plan, likelihood: outlook.likelihood) > 0
    else { return nil }
    if let learner = policy as? any LearningPolicy {
      let decision = longest(plan, evidence, policy: policy.name)
      switch learner.begin(decision, utterance: utterance, at: evidence.time) {
      case .granted(let bytes): grantedBytes = bytes
      case .refused:
        phase = .refused
        return nil
      }
      hasReservation = true
    }
    phase = .sending(plan)
    startedAfter = evidence.secondsHeard
    return Start(plan: plan, grantedBytes: grantedBytes)
  }

  /// The offload of the longest utterance there can be: what is reserved.
  private func longest(_ plan: SpeculationPlan, _ evidence: Evidence, policy: String) -> Decision {
    var evidence = evidence
    let seconds = max(maximumSeconds, evidence.secondsHeard)
    evidence.deadlineRemaining += seconds - evidence.secondsHeard
    evidence.utteranceSeconds = seconds
    evidence.streamed = nil
    evidence.options = options(plan, evidence.options)
    return Decision(
      policy: policy, action: plan.action, reason: .policyFixed,
      predictions: costs.predictions(
        evidence, calibration: .empty, criterion: .sentencePosterior), evidence: evidence)
  }

  private func options(_ plan: SpeculationPlan, _ options: OffloadOptions) -> OffloadOptions {
    OffloadOptions(
      splitLayers: options.splitLayers.filter { $0 == plan.splitLayer },
      rates: options.rates.filter { $0.codec == plan.codec },
      packetDurations: [plan.packetDuration])
  }

  /// What the policy is to see at the end: while something is being sent, no other offload is possible.
  /// - Parameter evidence: with `streamed.sent` as the edge acknowledged it.
  public func evidence(_ evidence: Evidence) -> Evidence {
    var evidence = evidence
    if let plan {
      evidence.options = options(plan, evidence.options)
    } else {
      evidence.streamed?.sent = nil
    }
    return evidence
  }

  /// The stream broke, the edge refused it, or what was granted did not last: what was sent is of no use.
  public mutating func lost() {
    if let plan { phase = .lost(plan) }
  }

  /// A decision that was made at the utterance's end, with `evidence(_:)`.
  public mutating func settle(_ decision: Decision) -> Settlement {
    guard let plan, decision.action != .nextExit else { return .nothing }
    if decision.action == plan.action {
      phase = .kept(plan)
      return .keep(plan)
    }
    phase = .withdrawn(plan)
    return .withdraw(plan)
  }

  /// The utterance was given up before it was decided.
  public mutating func cancel() -> Settlement {
    guard let plan else { return .nothing }
    phase = .withdrawn(plan)
    return .withdraw(plan)
  }
}

extension Speculation {
  /// What became of it, once the utterance is decided; nil if nothing was sent ahead.
  /// - Parameter bytesAhead: that had left the device when the user stopped speaking.
  public func result(bytesAhead: Int) -> SpeculationResult? {
    let outcome: SpeculationResult.Outcome
    let plan: SpeculationPlan
    switch phase {
    case .watching, .refused: return nil
    case .kept(let kept): (outcome, plan) = (.kept, kept)
    case .lost(let lost): (outcome, plan) = (.lost, lost)
    case .sending(let withdrawn), .withdrawn(let withdrawn):
      (outcome, plan) = (.withdrawn, withdrawn)
    }
    return SpeculationResult(
      outcome: outcome, plan: plan, startedAfter: startedAfter ?? 0, bytesAhead: bytesAhead)
  }
}
