import Foundation
import GRDB
import Offload

/// A row of the log as it is stored: what listing and exporting give.
public struct StoredDecision: Sendable, Hashable, Codable, FetchableRecord {
  /// Order of writing, from 1.
  public var sequence: Int64
  public var id: String
  /// Seconds since 1970.
  public var startTime: Double
  public var durationSeconds: Double
  public var signalToNoiseDecibels: Double?
  /// JSON of `[ExitEvidence]`.
  public var exitsJson: String
  /// JSON of `LinkEstimate`.
  public var linkJson: String
  /// JSON of `EdgeEstimate`.
  public var edgeJson: String
  /// JSON of `[Decision.Prediction]` at the last decision.
  public var predictionsJson: String
  /// JSON of `[Decision]`.
  public var decisionsJson: String
  public var policy: String
  /// `Reason.code` of the last decision.
  public var reason: String
  public var offloaded: Bool
  /// Predicted cost of the whole utterance along its decisions, in cost units.
  public var predictedTotal: Double?
  /// Predicted seconds to the answer along the decisions.
  public var predictedLatency: Double?
  public var bytesSent: Int
  public var bytesReceived: Int
  /// Seconds from the end of the utterance to the answer.
  public var answerSeconds: Double
  /// JSON of `MeasuredTimes`.
  public var timesJson: String
  /// Actual cost in cost units.
  public var actualTotal: Double?
  /// JSON of `ActualCost`.
  public var actualCostJson: String?
  /// `exit 1`, …, `edge` or `none`.
  public var origin: String
  public var fallbackReason: String?
  public var modelFingerprint: String
  public var deviceClass: String
  /// nil unless transcripts were asked for.
  public var transcript: String?
  /// How probably the policy was to decide as it did, from the first decision to the last; nil in rows of version 1 and
  /// in rows without a decision.
  public var propensity: Double?
  /// `SpeculationResult.Outcome`: `kept`, `withdrawn` or `lost`; nil if nothing was sent while the user spoke, and in
  /// rows before version 3.
  public var speculation: String?
  /// Bytes that had left the device when the user stopped speaking; nil where `speculation` is.
  public var bytesAhead: Int?

  /// The exits' evidence.
  public func exits() throws -> [ExitEvidence] { try Self.decode(exitsJson) }
  /// The decisions, each with its reason and predictions.
  public func decisions() throws -> [Decision] { try Self.decode(decisionsJson) }
  public func link() throws -> LinkEstimate { try Self.decode(linkJson) }
  public func edge() throws -> EdgeEstimate { try Self.decode(edgeJson) }
  public func times() throws -> MeasuredTimes { try Self.decode(timesJson) }
  public func actualCost() throws -> ActualCost? { try actualCostJson.map(Self.decode) }

  static func decode<Value: Decodable>(_ json: String) throws -> Value {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return try decoder.decode(Value.self, from: Data(json.utf8))
  }

  /// JSON knows no infinity and no NaN, a confidence may be either: they become words.
  static func encode(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}
