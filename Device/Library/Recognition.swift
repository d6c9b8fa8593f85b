import Offload

/// What became of one utterance.
public struct Recognition: Sendable {
  /// 16 random bytes.
  public var id: [UInt8]
  public var text: String
  public var origin: Origin
  /// 0 to 1: the sentence posterior of the exit or of the edge's transcript; not yet a calibrated
  /// probability.
  public var confidence: Double
  /// Of audio.
  public var utteranceSeconds: Double
  /// From the end of the utterance to the answer.
  public var latencySeconds: Double
  /// Of it, spent computing on the device before the answer or the offload.
  public var deviceSeconds: Double
  /// On the wire, TLS and HTTP/2 overhead included.
  public var bytesSent: Int
  public var bytesReceived: Int
  /// For which the radio was busy, while the user spoke too.
  public var transferSeconds: Double
  /// The decisions in order; the last one was carried out.
  public var decisions: [Decision]
  /// Every exit that was computed.
  public var exits: [ExitEvidence]
  /// Why an offload gave nothing and the device answered instead; nil when none failed.
  public var failure: OffloadFailure?
  /// What became of features that were sent while the user spoke; nil: none were.
  public var speculation: SpeculationResult?
  public var signalToNoise: Double?
  /// As the policy saw them when it decided last.
  public var link: LinkEstimate
  public var edge: EdgeEstimate
  public var serverQueueSeconds: Double?
  public var serverComputeSeconds: Double?
  public var actualCost: ActualCost

  /// One line for people: what the controller did and why.
  public var reason: String {
    let last = decisions.last.map { "\($0.reason)" } ?? "nothing was decided"
    return [last, failure.map { "\($0)" }, speculation.map { "\($0)" }].compactMap { $0 }
      .joined(separator: "; ")
  }
}
