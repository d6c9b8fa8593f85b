import Offload

/// Turns what the edge does into what the user gets: lets the shipped rule of who answers (`AnswerRace`) run in virtual
/// time, and counts what it took.
struct OutcomeResolver {
  let profile: Profile
  let hedge: Bool
  let answerBytes: Double
  /// Told of what happens while an utterance waits for its answer, with its time.
  var observer: ((UtteranceContext, AnswerRace.Event, Double) -> Void)?

  /// The device stops at `exit`.
  /// - Parameters:
  ///   - thread: what it has computed; it goes on from there to `exit`.
  ///   - time: when it decided so.
  func local(
    _ context: UtteranceContext, _ thread: LocalThread, exit: Int, at time: Double,
    sunk: SunkUse = .none, costs: CostPredictor
  ) -> UtteranceResult {
    let utterance = profile.utterances[context.utterance]
    var thread = thread
    var race = AnswerRace(
      aim: .exit(exit), exitsReady: thread.exits, exitCount: thread.timeline.shape.exits.count)
    let (answer, finish) = thread.run(
      &race, from: time, edge: nil, deadline: max(context.deadline, time), told: told(context))
    let done = thread.done(by: finish)
    let errors = wordErrors(answer.origin, utterance, edge: 0)
    let use = MeasuredUse(
      latency: finish - context.wanted, blocksDone: done.blocks, exitsDone: done.exits,
      bytesSent: Int(sunk.bytes), transferSeconds: sunk.seconds, expectedErrors: Double(errors))
    return UtteranceResult(
      finish: finish, origin: answer.origin, offloaded: false, failure: nil,
      cost: costs.actualCost(
        use, model: profile.header.shape, utteranceSeconds: utterance.seconds),
      use: use, wordErrors: errors, sunkBytes: sunk.streamBytes)
  }

  /// The device has asked the edge.
  func offloaded(
    _ context: UtteranceContext, _ plan: OffloadPlan, _ outcome: OffloadOutcome,
    timeline: LocalTimeline, link: SimulatedLink, arrival: Double, costs: CostPredictor
  ) -> UtteranceResult {
    let utterance = profile.utterances[context.utterance]
    var edge: (time: Double, event: AnswerRace.Event)?
    var serverSeconds = 0.0
    switch outcome {
    case .answer(let time, let seconds):
      serverSeconds = seconds
      edge = (time, .answered)
    case .failure(let time, let why): edge = (max(time, plan.ready), .failed(why))
    case .silence(let seconds): serverSeconds = seconds
    }
    var thread = LocalThread(
      timeline, from: plan.ready, exits: plan.exitsDone, blocks: plan.blocksDone)
    var race = AnswerRace(
      aim: .edge(hedges: hedge && plan.hedges), exitsReady: plan.exitsDone,
      exitCount: timeline.shape.exits.count)
    let deadline = plan.deadline(context, timeline)
    // Features that are not there by the deadline are not waited for.
    let (answer, finish) = thread.run(
      &race, from: min(plan.ready, deadline), edge: edge, deadline: deadline,
      told: told(context))
    let done = plan.hedges ? thread.done(by: finish) : (exits: 0, blocks: 0)
    let errors = wordErrors(answer.origin, utterance, edge: plan.wordErrors)

    var sent = 0.0
    var busy = 0.0
    if plan.sendStart < finish {
      busy = max(0, min(finish, arrival + context.moment.roundTrip / 2) - plan.sendStart)
      sent =
        plan.ahead?.bytes(by: finish)
        ?? (finish >= arrival
          ? plan.bytes : min(plan.bytes, link.bytesSent(from: plan.sendStart, to: finish)))
    }
    let use = MeasuredUse(
      latency: finish - context.wanted, blocksDone: done.blocks, exitsDone: done.exits,
      bytesSent: Int(sent + plan.sunk.bytes),
      bytesReceived: answer.origin == .edge ? Int(answerBytes) : 0,
      transferSeconds: busy + plan.sunk.seconds, serverSeconds: serverSeconds,
      expectedErrors: Double(errors))
    return UtteranceResult(
      finish: finish, origin: answer.origin, offloaded: true, failure: answer.failure,
      cost: costs.actualCost(
        use, model: profile.header.shape, utteranceSeconds: utterance.seconds),
      use: use, wordErrors: errors, isAhead: plan.ahead != nil, sunkBytes: plan.sunk.streamBytes)
  }

  private func told(_ context: UtteranceContext) -> ((AnswerRace.Event, Double) -> Void)? {
    observer.map { observer in { observer(context, $0, $1) } }
  }

  /// True errors of the transcript that is given; without one every word is missing.
  private func wordErrors(_ origin: Origin, _ utterance: ProfiledUtterance, edge: Int) -> Int {
    switch origin {
    case .exit(let exit): utterance.exits[exit - 1].wordErrors
    case .edge: edge
    case .none: utterance.referenceWords
    }
  }
}
