import Foundation
import Offload

/// Scores a log's rows again, under another policy: what would it have cost?
///
/// Where a row holds what the other policy would have met, that is exact. Where the logged policy explored, inverse
/// propensity and doubly robust estimates are defined; where it did not, the report says so. See `ReplayReport`.
///
/// ```swift
/// let replay = LogReplay(policy: policy, models: [fingerprint: shape], costs: costs, deadline: 2)
/// print(try replay.report(DecisionLogReader(path: "decisions.sqlite")))
/// ```
public struct LogReplay: Sendable {
  private let policy: any Policy
  private let models: [String: ModelShape]
  private let costs: CostPredictor
  private let deadline: Double
  private let seed: UInt64

  /// - Parameters:
  ///   - policy: the other policy. One that learns is taken as it stands; it is told nothing.
  ///   - models: shapes by fingerprint. Rows of other models are left out, and counted.
  ///   - costs: the costs that the log was made with.
  ///   - deadline: seconds from an utterance's end in which the device had to answer.
  ///   - seed: of the other policy's chance and of the bootstrap.
  public init(
    policy: any Policy, models: [String: ModelShape], costs: CostPredictor, deadline: Double,
    seed: UInt64 = 0
  ) {
    self.policy = policy
    self.models = models
    self.costs = costs
    self.deadline = deadline
    self.seed = seed
  }

  /// - Throws: `DecisionLogError.unreadable`.
  public func report(
    _ reader: DecisionLogReader, _ filter: DecisionFilter = DecisionFilter()
  ) throws(DecisionLogError) -> ReplayReport {
    var utterances: [ReplayedUtterance] = []
    var leftOut: [String: Int] = [:]
    func add(_ row: StoredDecision) throws {
      guard let model = models[row.modelFingerprint] else {
        leftOut["of another model", default: 0] += 1
        return
      }
      guard let actual = row.actualTotal, row.origin != "none" else {
        leftOut["without an answer or its cost", default: 0] += 1
        return
      }
      let replay = UtteranceReplay(
        policy: policy, model: model, costs: costs, deadline: deadline, seed: seed)
      let logged = UtteranceReplay.Row(
        decisions: try row.decisions(), exits: try row.exits(), actualTotal: actual)
      guard let replayed = replay.replay(logged, number: UInt64(row.sequence)) else {
        leftOut["logged without what the policy saw", default: 0] += 1
        return
      }
      utterances.append(replayed)
    }
    do {
      try reader.forEach(filter, add)
    } catch {
      throw .named(error, path: reader.path, reading: true)
    }
    return ReplayReport(
      policy: policy.name, utterances: utterances, leftOut: leftOut, seed: seed)
  }
}
