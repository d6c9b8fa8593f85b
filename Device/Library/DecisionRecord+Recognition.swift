import Basics
import DecisionLog
import Foundation
import Models
import Offload

extension DecisionRecord {
  /// One row of the decision log. The transcript is kept only by a log that was asked to.
  public init(
    _ recognition: Recognition, startTime: Date, policy: String, model: any SpeechModel,
    deviceClass: DeviceClass
  ) {
    let answered = recognition.origin == .edge
    let server =
      (recognition.serverQueueSeconds ?? 0) + (recognition.serverComputeSeconds ?? 0)
    self.init(
      id: recognition.id.hexadecimal,
      startTime: startTime, durationSeconds: recognition.utteranceSeconds,
      signalToNoise: recognition.signalToNoise, exits: recognition.exits, link: recognition.link,
      edge: recognition.edge, decisions: recognition.decisions, policy: policy,
      bytesSent: recognition.bytesSent, bytesReceived: recognition.bytesReceived,
      times: MeasuredTimes(
        answer: recognition.latencySeconds, deviceCompute: recognition.deviceSeconds,
        transfer: answered
          ? max(0, recognition.latencySeconds - recognition.deviceSeconds - server) : nil,
        edgeWait: recognition.serverQueueSeconds, edgeCompute: recognition.serverComputeSeconds,
        edgeAnswer: answered ? recognition.latencySeconds : nil),
      actualCost: recognition.actualCost,
      origin: recognition.origin.stored,
      fallbackReason: recognition.failure.map(\.fallbackReason),
      speculation: recognition.speculation,
      modelFingerprint: model.fingerprint, deviceClass: deviceClass, transcript: recognition.text)
  }
}

extension Origin {
  var stored: DecisionRecord.Origin {
    switch self {
    case .exit(let number): .exit(number)
    case .edge: .edge
    case .none: .none
    }
  }
}

extension OffloadFailure {
  /// The log's word for it.
  public var fallbackReason: FallbackReason {
    switch self {
    case .unreachable: .unreachable
    case .refused: .refused
    case .lost: .connectionLost
    case .deadline: .deadline
    case .cancelled, .budget: .cancelled
    }
  }
}
