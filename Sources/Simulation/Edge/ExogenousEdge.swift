/// An edge at which devices do not get into each other's way: only the background load and crashes count. What it
/// makes of an offload is known as soon as the offload begins, whatever others do.
struct ExogenousEdge: Sendable {
  /// What becomes of a stream's first message.
  struct Admission: Sendable {
    /// When it reaches the edge.
    var time: Double
    /// Seconds that the edge tells the device to expect.
    var wait: Double
    /// When the device learns that it is refused; nil: it is taken.
    var failure: (time: Double, why: UtteranceResult.Failure)?
  }

  let configuration: EdgeConfiguration
  let background: BackgroundLoad

  /// - Parameter start: when the first message is sent.
  func admission(start: Double, link: SimulatedLink, moment: LinkMoment) -> Admission {
    let time = link.arrival(
      bytes: FleetSimulation.startBytes, startingAt: start, moment: moment)
    let wait = background.wait(at: time)
    var admission = Admission(time: time, wait: wait, failure: nil)
    if let crash = configuration.crashes.next(at: time), crash.contains(time) {
      admission.failure = (link.answer(startingAt: time, moment: moment), .lost)
    } else if wait > configuration.fullQueueSeconds {
      // As many as the queue holds wait before it: the real edge would refuse.
      admission.failure = (link.answer(startingAt: time, moment: moment), .refused)
    }
    return admission
  }

  /// When a device learns that a stream that was taken at `time` has died with the edge; nil: the edge is never
  /// dead again.
  func death(after time: Double, link: SimulatedLink, moment: LinkMoment) -> (
    crash: Double, heard: Double
  )? {
    configuration.crashes.next(at: time).map {
      ($0.lowerBound, link.answer(startingAt: $0.lowerBound, moment: moment))
    }
  }

  /// - Parameters:
  ///   - admission: of the stream.
  ///   - arrival: when the features are all at the edge.
  ///   - limit: the deadline; a job whose turn comes later never runs.
  func outcome(
    _ plan: OffloadPlan, admission: Admission, link: SimulatedLink, moment: LinkMoment,
    arrival: Double, limit: Double
  ) -> OffloadOutcome {
    if let failure = admission.failure { return .failure(time: failure.time, failure.why) }
    let service = plan.operations / configuration.operationsPerSecond
    let begin = arrival + background.wait(at: arrival)
    let end = begin + service
    if let death = death(after: admission.time, link: link, moment: moment), death.crash <= end {
      return .failure(time: death.heard, .lost)
    }
    // The edge knows the deadline too: what comes too late is not begun, what lasts too long is stopped.
    if end > limit { return .silence(serverSeconds: max(0, limit - begin)) }
    return .answer(time: link.answer(startingAt: end, moment: moment), serverSeconds: service)
  }
}
