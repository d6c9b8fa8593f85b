import Foundation
import GRDB
import Offload
import Testing

@testable import DecisionLog

@Suite struct ReplayTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  static let fingerprint = String(repeating: "ab", count: 32)

  static func settings() -> PolicySettings {
    PolicySettings(
      costs: CostPredictor(model: .standard, deviceClass: .phone),
      calibration: Calibration(entries: [
        CalibrationEntry(exit: 1, afterBlock: 2, criterion: .frameEntropy, threshold: 0.2),
        CalibrationEntry(exit: 2, afterBlock: 4, criterion: .frameEntropy, threshold: 0.2),
      ]))
  }

  static func replay(_ policy: any Policy) -> LogReplay {
    LogReplay(
      policy: policy, models: [fingerprint: Fixtures.shape],
      costs: CostPredictor(model: .standard, deviceClass: .phone), deadline: 2)
  }

  func log(_ path: String, rows: Int) async throws {
    let log = try DecisionLog(path: path)
    for index in 0..<rows {
      let sure = index.isMultiple(of: 2)
      log.record(
        Fixtures.record(
          "u\(index)", origin: sure ? .exit(1) : .edge, entropy: sure ? 0.1 : 0.5,
          answer: 0.1 + Double(index) / 100))
    }
    await log.close()
  }

  @Test func aPolicyReplayedOnItsOwnLogCostsWhatItCost() async throws {
    let path = folder.file("log.sqlite")
    try await log(path, rows: 10)
    let report = try Self.replay(ConfidencePolicy(Self.settings())).report(
      DecisionLogReader(path: path))
    #expect(report.rows == 10)
    #expect(report.exactRows == 10)
    #expect(report.exact == report.logged)
    #expect(report.offloadRate == 0.5)
  }

  @Test func whatWasNeverTriedIsNotDefined() async throws {
    let path = folder.file("log.sqlite")
    try await log(path, rows: 10)
    let report = try Self.replay(AlwaysEdgePolicy(Self.settings())).report(
      DecisionLogReader(path: path))
    #expect(report.unsupportedRows == 10)
    #expect(report.doublyRobust == nil)
    #expect(report.offloadRate == 1)
  }

  @Test func rowsThatCannotBeReplayedAreCounted() async throws {
    let path = folder.file("log.sqlite")
    let writer = try DecisionLog(path: path)
    var stranger = Fixtures.record("stranger")
    stranger.modelFingerprint = "cd"
    writer.record(stranger)
    var unmeasured = Fixtures.record("unmeasured")
    unmeasured.actualCost = nil
    writer.record(unmeasured)
    writer.record(Fixtures.record("cancelled", origin: .none))
    var blind = Fixtures.record("blind")
    for index in blind.decisions.indices { blind.decisions[index].context = nil }
    writer.record(blind)
    await writer.close()
    let report = try Self.replay(ConfidencePolicy(Self.settings())).report(
      DecisionLogReader(path: path))
    #expect(report.rows == 0)
    #expect(
      report.leftOut == [
        "of another model": 1, "without an answer or its cost": 2,
        "logged without what the policy saw": 1,
      ])
    #expect(report.description.contains("left out 1 (logged without what the policy saw)"))
  }

  @Test func propensitiesAreStored() async throws {
    let path = folder.file("log.sqlite")
    let log = try DecisionLog(path: path)
    var record = Fixtures.record("drawn")
    let last = record.decisions.count - 1
    for index in record.decisions[last].predictions.indices {
      let isChosen =
        record.decisions[last].predictions[index].action == record.decisions[last].action
      record.decisions[last].predictions[index].probability = isChosen ? 0.25 : 0.05
    }
    log.record(record)
    log.record(Fixtures.record("certain"))
    await log.close()
    let rows = try DecisionLogReader(path: path).list()
    #expect(rows.map(\.propensity) == [0.25, 1])
    #expect(try rows[0].decisions() == record.decisions)
    let export = try DecisionLogReader(path: path).export(as: .jsonl)
    #expect(export.contains("\"propensity\":0.25"))
  }

  /// A log as version 1 wrote it: it can be read as it is, and opening it for writing brings it up to date.
  @Test func aLogOfVersion1OpensAndIsBroughtUpToDate() async throws {
    let path = folder.file("old.sqlite")
    let old = try DatabasePool(path: path)
    try Schema.migrator.migrate(old, upTo: "1")
    try await old.write { database in
      try database.execute(
        sql: """
          INSERT INTO utterance (
            id, startTime, durationSeconds, exitsJson, linkJson, edgeJson, predictionsJson,
            decisionsJson, policy, reason, offloaded, bytesSent, bytesReceived, answerSeconds,
            timesJson, actualTotal, origin, modelFingerprint, deviceClass
          ) VALUES (
            'old', 1, 3, '[]', '{"connectivity":"unknown","sampleCount":0}',
            '{"expectedWait":0,"price":0}', '[]', ?, 'always-local', 'policy-fixed', 0, 0, 0, 0.5,
            '{"answer":0.5,"deviceCompute":0.1}', 0.5, 'exit 1', ?, 'phone')
          """,
        arguments: [
          """
          [{"action":{"nextExit":{}},"policy":"always-local","predictions":[{"action":{"nextExit":{}},\
          "cost":{"bytes":0,"energy":0,"errorTotal":0,"latency":0,"serverSeconds":0,"total":0}}],\
          "reason":{"policyFixed":{}}}]
          """, Self.fingerprint,
        ])
    }
    try old.close()

    let before = try DecisionLogReader(path: path).list()
    #expect(before.map(\.id) == ["old"])
    #expect(before[0].propensity == nil)
    #expect(try before[0].decisions().first?.context == nil)
    #expect(try before[0].decisions().first?.propensity == 1)

    let log = try DecisionLog(path: path)
    #expect(try log.integerForTesting("SELECT version FROM schema") == Schema.version)
    log.record(Fixtures.record("new"))
    await log.close()
    #expect(log.losses.count == 0)
    let after = try DecisionLogReader(path: path).list()
    #expect(after.map(\.id) == ["old", "new"])
    #expect(after.map(\.propensity) == [nil, 1])
    let report = try Self.replay(ConfidencePolicy(Self.settings())).report(
      DecisionLogReader(path: path))
    #expect(report.rows == 1)
    #expect(report.leftOut == ["logged without what the policy saw": 1])
  }
}
