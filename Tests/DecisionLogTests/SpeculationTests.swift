import Foundation
import GRDB
import Offload
import Testing

@testable import DecisionLog

@Suite struct SpeculationTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func whatBecameOfItIsKept() async throws {
    let path = folder.file("speculation.sqlite")
    let log = try DecisionLog(path: path)
    log.record(Fixtures.record("none"))
    for outcome in SpeculationResult.Outcome.allCases {
      var record = Fixtures.record(outcome.rawValue)
      record.speculation = SpeculationResult(
        outcome: outcome, plan: SpeculationPlan(splitLayer: 2, codec: 1, packetDuration: 0.32),
        startedAfter: 0.64, bytesAhead: 4321)
      log.record(record)
    }
    await log.close()
    #expect(log.losses.count == 0)
    let reader = try DecisionLogReader(path: path)
    let rows = try reader.list()
    #expect(rows.map(\.speculation) == [nil, "kept", "withdrawn", "lost"])
    #expect(rows.map(\.bytesAhead) == [nil, 4321, 4321, 4321])
    let lines = try reader.export(as: .jsonl).split(separator: "\n")
    #expect(lines[0].contains("\"speculation\":null,\"bytesAhead\":null"))
    #expect(lines[1].contains("\"speculation\":\"kept\",\"bytesAhead\":4321"))
  }

  /// A log as version 2 wrote it: read as it is, and brought up to date when it is opened for writing.
  @Test func aLogOfVersion2OpensAndIsBroughtUpToDate() async throws {
    let path = folder.file("old.sqlite")
    let old = try DatabasePool(path: path)
    try Schema.migrator.migrate(old, upTo: "2")
    try await old.write { database in
      try database.execute(
        sql: """
          INSERT INTO utterance (
            id, startTime, durationSeconds, exitsJson, linkJson, edgeJson, predictionsJson,
            decisionsJson, policy, reason, offloaded, bytesSent, bytesReceived, answerSeconds,
            timesJson, origin, modelFingerprint, deviceClass, propensity
          ) VALUES ('old', 1, 3, '[]', '{}', '{}', '[]', '[]', 'budget', 'cheapest', 0, 0, 0, 0.5,
            '{"answer":0.5,"deviceCompute":0.1}', 'exit 1', 'ab', 'phone', 0.5)
          """)
    }
    try old.close()
    let before = try DecisionLogReader(path: path).list()
    #expect(before.map(\.id) == ["old"])
    #expect(before[0].propensity == 0.5)
    #expect(before[0].speculation == nil && before[0].bytesAhead == nil)
    let log = try DecisionLog(path: path)
    #expect(try log.integerForTesting("SELECT version FROM schema") == 3)
    log.record(Fixtures.record("new"))
    await log.close()
    #expect(log.losses.count == 0)
    let after = try DecisionLogReader(path: path).list()
    #expect(after.map(\.id) == ["old", "new"])
    #expect(after.map(\.speculation) == [nil, nil])
  }
}
