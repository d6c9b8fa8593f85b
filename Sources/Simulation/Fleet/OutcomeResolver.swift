import Offload

/// Turns what the edge does into what the user gets: the deadline and the hedge of
/// Device/Library/DeviceRecognizer.swift.
///
/// - The edge's answer counts if it is there by the deadline.
/// - Otherwise the device answers with its own deepest transcript: when its last exit is there if the edge has
///   failed, at the deadline at the latest.
/// - A device that meant to stop at an exit which is not there by the deadline answers with the deepest that is.
/// - If not even its first exit is there by then, it answers when it is: late is better than nothing.
struct OutcomeResolver: Sendable {
  let profile: Profile
  let hedge: Bool
  let answerBytes: Double

  /// The device stops at `exit`, which is there at `time`. Past the deadline it answers with the deepest exit that
  /// is there by then, if one is.
  /// - Parameters:
  ///   - exits: exits that were there at `from`; the device goes on from there to `exit`.
  ///   - blocks: blocks that were there.
  func local(
    _ context: UtteranceContext, _ timeline: LocalTimeline, exit: Int, from: Double, exits: Int,
    blocks: Int, sunk: SunkUse = .none, costs: CostPredictor
  ) -> UtteranceResult {
    let utterance = profile.utterances[context.utterance]
    var exit = exit
    var time = timeline.exitTime(exit, from: from, exits: exits, blocks: blocks)
    var done = (
      exits: max(exit, exits, timeline.exitsAhead),
      blocks: max(timeline.shape.exits[exit - 1].afterBlock, blocks, timeline.ahead)
    )
    let deadline = max(context.deadline, from)
    if time > deadline {
      let hedge = timeline.hedge(from: from, exits: exits, blocks: blocks, until: deadline)
      if hedge.ready > 0 {
        exit = min(exit, hedge.ready)
        time = deadline
        done = (hedge.exitsDone, hedge.blocksDone)
      } else {
        // Nothing is there at all: late is better than nothing.
        exit = 1
        time = timeline.exitTime(1, from: from, exits: 0, blocks: blocks)
        done = (hedge.exitsDone, hedge.blocksDone)
      }
    }
    let errors = utterance.exits[exit - 1].wordErrors
    let use = MeasuredUse(
      latency: time - context.wanted, blocksDone: done.blocks, exitsDone: done.exits,
      bytesSent: Int(sunk.bytes), transferSeconds: sunk.seconds, expectedErrors: Double(errors))
    return UtteranceResult(
      finish: time, origin: .exit(exit), offloaded: false, failure: nil,
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
    let deadline = plan.deadline(context, timeline)
    var finish = deadline
    var failure: UtteranceResult.Failure? = .deadline
    var serverSeconds = 0.0
    let hedges = hedge && plan.hedges
    switch outcome {
    case .answer(let time, let seconds):
      serverSeconds = seconds
      if time <= deadline {
        finish = time
        failure = nil
      }
    case .failure(let time, let why) where time <= deadline:
      failure = why
      let last = timeline.exitTime(
        timeline.shape.exits.count, from: plan.ready, exits: plan.exitsDone,
        blocks: plan.blocksDone)
      finish = hedges ? min(max(time, last), deadline) : min(max(time, plan.ready), deadline)
    case .failure:
      break
    case .silence(let seconds):
      serverSeconds = seconds
    }

    var done = (ready: plan.exitsDone, exitsDone: plan.exitsDone, blocksDone: plan.blocksDone)
    if plan.hedges {
      done = timeline.hedge(
        from: plan.ready, exits: plan.exitsDone, blocks: plan.blocksDone,
        until: hedge ? finish : plan.ready)
    }
    var origin = UtteranceResult.Origin.edge
    var errors = plan.wordErrors
    if failure != nil {
      if hedges {
        if done.ready == 0 {
          finish = timeline.exitTime(1, from: plan.ready, exits: 0, blocks: plan.blocksDone)
          let first = timeline.shape.exits[0].afterBlock
          done = (1, max(1, done.exitsDone), max(done.blocksDone, first))
        }
        origin = .exit(done.ready)
        errors = utterance.exits[done.ready - 1].wordErrors
      } else {
        // No answer at all: every word is missing.
        origin = .none
        errors = utterance.referenceWords
      }
    }

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
      latency: finish - context.wanted, blocksDone: done.blocksDone, exitsDone: done.exitsDone,
      bytesSent: Int(sent + plan.sunk.bytes),
      bytesReceived: failure == nil ? Int(answerBytes) : 0,
      transferSeconds: busy + plan.sunk.seconds, serverSeconds: serverSeconds,
      expectedErrors: Double(errors))
    return UtteranceResult(
      finish: finish, origin: origin, offloaded: true, failure: failure,
      cost: costs.actualCost(
        use, model: profile.header.shape, utteranceSeconds: utterance.seconds),
      use: use, wordErrors: errors, isAhead: plan.ahead != nil, sunkBytes: plan.sunk.streamBytes)
  }
}
