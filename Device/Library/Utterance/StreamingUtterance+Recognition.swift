import Foundation
import Offload

// What an utterance came to, in the words of the log and of learning policies.
extension StreamingUtterance {
  func recognition(
    _ ending: Ending, decisions: [Decision], evidence: Evidence, local: LocalPass.ExitResult?,
    outcome: OffloadAttempt.Outcome?, deviceSeconds: Double
  ) async -> Recognition {
    let latency = ending.elapsed
    var answer: OffloadAnswer?
    var failure: OffloadFailure?
    switch outcome {
    case .answer(let given): answer = given
    case .failure(let why): failure = why
    case nil: break
    }
    let traffic = await traffic()
    // The hedge's exits, and the one that it had begun: computed, whether or not anybody needed them.
    let begun = pass.begun
    let use = MeasuredUse(
      latency: latency, blocksDone: begun.blocks, exitsDone: begun.exits, bytesSent: traffic.sent,
      bytesReceived: traffic.received,
      transferSeconds: transferSeconds(
        ending, latency: latency, deviceSeconds: deviceSeconds, outcome: outcome,
        sent: traffic.sent),
      serverSeconds: answer?.serverComputeSeconds ?? 0,
      expectedErrors: expectedErrors(decisions.last, local: answer == nil ? local : nil))
    return Recognition(
      id: id, text: answer?.text ?? local?.hypothesis.text ?? "",
      origin: answer != nil ? .edge : local.map { .exit($0.evidence.exit) } ?? .none,
      confidence: answer.map { exp($0.confidence) } ?? local?.evidence.sentencePosterior ?? 0,
      utteranceSeconds: ending.seconds, latencySeconds: latency, deviceSeconds: deviceSeconds,
      bytesSent: traffic.sent, bytesReceived: traffic.received,
      transferSeconds: use.transferSeconds,
      decisions: decisions, exits: pass.all.map(\.evidence), failure: failure,
      speculation: speculation.result(bytesAhead: ending.bytesAhead),
      signalToNoise: ending.signalToNoise, link: evidence.link, edge: evidence.edge,
      serverQueueSeconds: answer?.serverQueueSeconds,
      serverComputeSeconds: answer?.serverComputeSeconds,
      actualCost: recognizer.costs.actualCost(
        use, model: recognizer.shape, utteranceSeconds: ending.seconds))
  }

  /// Seconds that the radio was busy: with the question for a sign of life, from when sending ahead began, and from the
  /// decision to offload on, less the edge's own time.
  private func transferSeconds(
    _ ending: Ending, latency: Double, deviceSeconds: Double, outcome: OffloadAttempt.Outcome?,
    sent: Int
  ) -> Double {
    let ahead =
      (aheadBegan.map { max(0, $0.duration(to: ending.began).seconds) } ?? 0)
      + (probe?.seconds(until: ending.began) ?? 0)
    switch outcome {
    case nil: return ahead
    case .answer(let answer):
      let server = answer.serverQueueSeconds + answer.serverComputeSeconds
      return ahead + max(0, latency - deviceSeconds - server)
    case .failure:
      return sent > 0 ? ahead + max(0, latency - deviceSeconds) : ahead
    }
  }

  /// The errors to expect of the transcript that was given: the edge's as it was predicted, or the
  /// exit's whose transcript it is. Both sides of the log's comparison then hold the same item.
  private func expectedErrors(_ decision: Decision?, local: LocalPass.ExitResult?) -> Double? {
    guard let local else { return decision?.predictedCost?.expectedErrors }
    let stop = Action.stop(exit: local.evidence.exit)
    return decision?.predictions.first { $0.action == stop }?.cost.expectedErrors
  }

  func outcome(of recognition: Recognition) -> Outcome {
    let isOffload = recognition.decisions.last?.action.isOffload ?? false
    return Outcome(
      utterance: number, time: Date().timeIntervalSince1970,
      decisions: recognition.decisions,
      offloadSeconds: isOffload ? recognition.latencySeconds - recognition.deviceSeconds : nil,
      answeredByEdge: recognition.origin == .edge,
      bytes: Double(recognition.bytesSent + recognition.bytesReceived),
      radioEnergy: recognizer.costs.radioEnergy(
        MeasuredUse(
          latency: recognition.latencySeconds, blocksDone: 0, exitsDone: 0,
          bytesSent: recognition.bytesSent, bytesReceived: recognition.bytesReceived,
          transferSeconds: recognition.transferSeconds)))
  }
}
