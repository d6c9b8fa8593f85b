import Foundation
import Offload

// What an utterance came to, in the words of the log and of learning policies.
extension StreamingUtterance {
  func recognition(_ answer: AnswerRace.Answer) async -> Recognition {
    let session = await driver.session
    let pass = machinery.pass
    let ended = session.ended ?? machinery.clock.origin
    let latency = machinery.now - ended
    let deviceSeconds = (session.decidedAt ?? ended) - ended
    var local: LocalPass.ExitResult?
    if case .exit(let exit) = answer.origin { local = pass.all[exit - 1] }
    let transcript = answer.origin == .edge ? await machinery.answer() : nil
    var failure: OffloadFailure?
    if let why = answer.failure {
      failure = why == .deadline ? .deadline : machinery.lastFailure ?? .deadline
    }
    let traffic = await traffic()
    // The hedge's exits, and the one that it had begun: computed, whether or not anybody needed them.
    let begun = pass.begun
    let use = MeasuredUse(
      latency: latency, blocksDone: begun.blocks, exitsDone: begun.exits, bytesSent: traffic.sent,
      bytesReceived: traffic.received,
      transferSeconds: transferSeconds(
        ended: ended, latency: latency, deviceSeconds: deviceSeconds, answer: transcript,
        isLost: failure != nil && traffic.sent > 0),
      serverSeconds: transcript?.serverComputeSeconds ?? 0,
      expectedErrors: expectedErrors(session.decisions.last, local: local))
    return Recognition(
      id: id, text: transcript?.text ?? local?.hypothesis.text ?? "", origin: answer.origin,
      confidence: transcript.map { exp($0.confidence) } ?? local?.evidence.sentencePosterior ?? 0,
      utteranceSeconds: seconds, latencySeconds: latency, deviceSeconds: deviceSeconds,
      bytesSent: traffic.sent, bytesReceived: traffic.received,
      transferSeconds: use.transferSeconds,
      decisions: session.decisions, exits: pass.all.map(\.evidence), failure: failure,
      speculation: session.speculation.result(bytesAhead: machinery.bytesAhead),
      signalToNoise: machinery.speech.signalToNoise, link: session.evidence?.link ?? .unknown,
      edge: session.evidence?.edge ?? .unknown,
      serverQueueSeconds: transcript?.serverQueueSeconds,
      serverComputeSeconds: transcript?.serverComputeSeconds,
      actualCost: recognizer.costs.actualCost(
        use, model: recognizer.shape, utteranceSeconds: seconds))
  }

  /// Seconds that the radio was busy: with the question for a sign of life, from when sending ahead began, and from the
  /// decision to offload on, less the edge's own time.
  private func transferSeconds(
    ended: Double, latency: Double, deviceSeconds: Double, answer: OffloadAnswer?, isLost: Bool
  ) -> Double {
    let ahead =
      (machinery.aheadBegan.map { max(0, ended - $0) } ?? 0)
      + (machinery.probe?.seconds(until: machinery.clock.instant(ended)) ?? 0)
    if let answer {
      let server = answer.serverQueueSeconds + answer.serverComputeSeconds
      return ahead + max(0, latency - deviceSeconds - server)
    }
    return isLost ? ahead + max(0, latency - deviceSeconds) : ahead
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
      utterance: number, time: machinery.now,
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
