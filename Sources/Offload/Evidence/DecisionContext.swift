/// The evidence behind a decision, without what the log's row holds already (the exits) and what the model's
/// fingerprint stands for (its shape): enough to make the decision again, under this policy or another.
public struct DecisionContext: Hashable, Codable, Sendable {
  public var utteranceSeconds: Double
  public var deadlineRemaining: Double
  public var signalToNoise: Double?
  public var link: LinkEstimate
  public var edge: EdgeEstimate
  public var options: OffloadOptions
  public var deviceSpeed: Double?
  public var time: Double
  public var draw: UInt32
  /// nil in logs that were written before utterances were streamed, too.
  public var streamed: StreamedWork?

  public init(_ evidence: Evidence) {
    utteranceSeconds = evidence.utteranceSeconds
    deadlineRemaining = evidence.deadlineRemaining
    signalToNoise = evidence.signalToNoise
    link = evidence.link
    edge = evidence.edge
    options = evidence.options
    deviceSpeed = evidence.deviceSpeed
    time = evidence.time
    draw = evidence.draw
    streamed = evidence.streamed
  }

  /// The evidence again.
  public func evidence(model: ModelShape, exits: [ExitEvidence]) -> Evidence {
    Evidence(
      model: model, exits: exits, utteranceSeconds: utteranceSeconds,
      deadlineRemaining: deadlineRemaining, signalToNoise: signalToNoise, link: link, edge: edge,
      options: options, deviceSpeed: deviceSpeed, time: time, draw: draw,
      streamed: streamed)
  }
}
