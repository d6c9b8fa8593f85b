/// An edge at which devices do not get into each other's way: only the background load and crashes count. What it
/// makes of an offload is known as soon as the offload begins, whatever others do.
struct ExogenousEdge: Sendable {
  let configuration: EdgeConfiguration
  let background: BackgroundLoad

  /// - Parameters:
  ///   - arrival: when the features are all at the edge.
  ///   - limit: the deadline; a job whose turn comes later never runs.
  func outcome(
    _ plan: OffloadPlan, link: SimulatedLink, moment: LinkMoment, arrival: Double, limit: Double
  ) -> (outcome: OffloadOutcome, admitted: Double, wait: Double) {
    let admitted = link.arrival(
      bytes: FleetSimulation.startBytes, startingAt: plan.sendStart, moment: moment)
    let wait = background.wait(at: admitted)
    if let crash = configuration.crashes.next(at: admitted), crash.contains(admitted) {
      return (
        .failure(time: link.answer(startingAt: admitted, moment: moment), .lost), admitted, wait
      )
    }
    // As many as the queue holds wait before it: the real edge would refuse.
    if wait > configuration.fullQueueSeconds {
      return (
        .failure(time: link.answer(startingAt: admitted, moment: moment), .refused), admitted, wait
      )
    }
    let service = plan.operations / configuration.operationsPerSecond
    let begin = arrival + background.wait(at: arrival)
    let end = begin + service
    if let crash = configuration.crashes.next(at: admitted), crash.lowerBound <= end {
      return (
        .failure(
          time: link.answer(startingAt: crash.lowerBound, moment: moment), .lost), admitted, wait
      )
    }
    // The edge knows the deadline too: what comes too late is not begun, what lasts too long is stopped.
    if end > limit {
      return (.silence(serverSeconds: max(0, limit - begin)), admitted, wait)
    }
    return (
      .answer(time: link.answer(startingAt: end, moment: moment), serverSeconds: service), admitted,
      wait
    )
  }
}
