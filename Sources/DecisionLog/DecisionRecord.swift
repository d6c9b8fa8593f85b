import Foundation
import Offload

/// One utterance in the decision log: what was known, what was predicted, what was done, what came true.
public struct DecisionRecord: Sendable {
  /// Where the answer came from.
  public enum Origin: Hashable, Sendable {
    /// The exit's number, from 1.
    case exit(Int)
    case edge
    /// There is no answer: the utterance was cancelled or failed.
    case none
  }

  /// The utterance's id; unique in a log.
  public var id: String
  public var startTime: Date
  /// Length of the speech in seconds.
  public var durationSeconds: Double
  /// Signal-to-noise ratio in dB, if estimated.
  public var signalToNoise: Double?
  /// Every exit that was computed, in order.
  public var exits: [ExitEvidence]
  /// The link when the last decision was made.
  public var link: LinkEstimate
  /// The edge's load when the last decision was made.
  public var edge: EdgeEstimate
  /// Every decision in order, each with the predicted cost of every action.
  public var decisions: [Decision]
  /// The policy's name.
  public var policy: String
  public var bytesSent: Int
  public var bytesReceived: Int
  public var times: MeasuredTimes
  public var actualCost: ActualCost?
  public var origin: Origin
  /// Why the edge's answer was not the one given; nil if it was, or if none was asked for.
  public var fallbackReason: FallbackReason?
  /// What became of features that were sent while the user spoke; nil: none were.
  public var speculation: SpeculationResult?
  /// Fingerprint of the model, 64 hexadecimal digits.
  public var modelFingerprint: String
  public var deviceClass: DeviceClass
  /// The answer. Stored only in a log that was opened with `storeTranscripts`.
  public var transcript: String?

  public init(
    id: String, startTime: Date, durationSeconds: Double, signalToNoise: Double? = nil,
    exits: [ExitEvidence], link: LinkEstimate, edge: EdgeEstimate, decisions: [Decision],
    policy: String, bytesSent: Int = 0, bytesReceived: Int = 0, times: MeasuredTimes,
    actualCost: ActualCost?, origin: Origin, fallbackReason: FallbackReason? = nil,
    speculation: SpeculationResult? = nil, modelFingerprint: String, deviceClass: DeviceClass,
    transcript: String? = nil
  ) {
    self.id = id
    self.startTime = startTime
    self.durationSeconds = durationSeconds
    self.signalToNoise = signalToNoise
    self.exits = exits
    self.link = link
    self.edge = edge
    self.decisions = decisions
    self.policy = policy
    self.bytesSent = bytesSent
    self.bytesReceived = bytesReceived
    self.times = times
    self.actualCost = actualCost
    self.origin = origin
    self.fallbackReason = fallbackReason
    self.speculation = speculation
    self.modelFingerprint = modelFingerprint
    self.deviceClass = deviceClass
    self.transcript = transcript
  }
}

extension DecisionRecord.Origin: CustomStringConvertible {
  /// `exit 2`, `edge` or `none`, as stored.
  public var description: String {
    switch self {
    case .exit(let number): "exit \(number)"
    case .edge: "edge"
    case .none: "none"
    }
  }

  init?(stored: String) {
    switch stored {
    case "edge": self = .edge
    case "none": self = .none
    default:
      guard stored.hasPrefix("exit "), let number = Int(stored.dropFirst(5)) else { return nil }
      self = .exit(number)
    }
  }
}
