import Foundation
import GRDB
import Offload
import Synchronization
import Testing

@testable import DecisionLog

@Suite struct DecisionLogTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func whatIsRecordedIsReadBack() async throws {
    let path = folder.file("log.sqlite")
    let log = try DecisionLog(path: path)
    let record = Fixtures.record("first", origin: .exit(2), fallback: .deadline)
    log.record(record)
    await log.flush()
    let rows = try DecisionLogReader(path: path).list()
    #expect(rows.count == 1)
    let row = try #require(rows.first)
    #expect(row.id == "first")
    #expect(row.startTime == 1_700_000_000)
    #expect(row.signalToNoiseDecibels == 21.5)
    #expect(try row.exits() == record.exits)
    #expect(try row.decisions() == record.decisions)
    #expect(try row.link() == record.link)
    #expect(try row.edge() == record.edge)
    #expect(try row.times() == record.times)
    #expect(try row.actualCost() == record.actualCost)
    #expect(row.reason == "not-confident")
    #expect(row.offloaded)
    #expect(row.predictedTotal == DecisionChain(record.decisions).predictedTotal)
    #expect(row.predictedTotal != nil)
    #expect(row.origin == "exit 2")
    #expect(DecisionRecord.Origin(stored: row.origin) == .exit(2))
    #expect(row.fallbackReason == "deadline")
    #expect(row.modelFingerprint == record.modelFingerprint)
    #expect(row.transcript == nil)
    #expect(log.losses == LossReport())
  }

  @Test func theFileIsSafeOnPowerLoss() throws {
    let log = try DecisionLog(path: folder.file("log.sqlite"))
    #expect(try log.integerForTesting("PRAGMA synchronous") == 2)
    #expect(
      try log.integerForTesting("SELECT 1 FROM pragma_journal_mode WHERE journal_mode='wal'") == 1)
  }

  @Test func confidencesThatAreNoNumbersAreKept() async throws {
    let path = folder.file("log.sqlite")
    let log = try DecisionLog(path: path)
    log.record(Fixtures.record("nan", entropy: .nan))
    log.record(Fixtures.record("inf", entropy: .infinity))
    await log.flush()
    #expect(log.losses.count == 0)
    let rows = try DecisionLogReader(path: path).list()
    #expect(try rows[0].exits()[0].frameEntropy.isNaN)
    #expect(try rows[1].exits()[0].frameEntropy == .infinity)
  }

  @Test func reopeningContinuesTheLog() async throws {
    let path = folder.file("log.sqlite")
    for round in 1...3 {
      let log = try DecisionLog(path: path)
      log.record(Fixtures.record("round \(round)"))
      await log.close()
    }
    let rows = try DecisionLogReader(path: path).list()
    #expect(rows.map(\.id) == ["round 1", "round 2", "round 3"])
    #expect(rows.map(\.sequence) == [1, 2, 3])
  }

  /// The bytes of the database and of its write-ahead log, as a thief would find them.
  @Test(arguments: [false, true]) func transcriptsAreInTheFileOnlyWhenAskedFor(store: Bool)
    async throws
  {
    let path = folder.file("log.sqlite")
    let log = try DecisionLog(path: path, storeTranscripts: store)
    for index in 0..<50 {
      log.record(Fixtures.record("u\(index)", transcript: "XYLOPHONE QUARTZ \(index)"))
    }
    await log.flush()
    func found() throws -> Bool {
      try FileManager.default.contentsOfDirectory(atPath: folder.path).contains { name in
        let data = try Data(contentsOf: URL(fileURLWithPath: folder.file(name)))
        return data.range(of: Data("XYLOPHONE".utf8)) != nil
          || data.range(of: Data("QUARTZ".utf8)) != nil
      }
    }
    #expect(try found() == store)
    await log.close()
    #expect(try found() == store)
    let export = try DecisionLogReader(path: path).export(as: .jsonl)
    #expect(export.contains("XYLOPHONE") == store)
  }

  @Test func readersSeeWholeRowsWhileRowsAreWritten() async throws {
    let path = folder.file("log.sqlite")
    let log = try DecisionLog(path: path)
    log.record(Fixtures.record("u0"))
    await log.flush()
    let reading = Task.detached {
      var counts: [Int] = []
      let reader = try DecisionLogReader(path: path)
      while (counts.last ?? 0) < 200 {
        let rows = try reader.list()
        for row in rows { _ = try row.decisions() }
        counts.append(rows.count)
        await Task.yield()
      }
      return counts
    }
    for index in 1..<200 {
      log.record(Fixtures.record("u\(index)"))
      if index % 20 == 0 { await log.flush() }
    }
    await log.flush()
    let counts = try await reading.value
    #expect(zip(counts, counts.dropFirst()).allSatisfy { $0 <= $1 })
    #expect(counts.last == 200)
    #expect(log.losses.count == 0)
  }

  /// The files as they lie there when the process is killed: nothing closed, nothing checkpointed.
  @Test func everythingFlushedSurvivesAKill() async throws {
    let path = folder.file("log.sqlite")
    let log = try DecisionLog(path: path)
    for index in 0..<30 { log.record(Fixtures.record("u\(index)")) }
    await log.flush()
    let copy = folder.file("copy.sqlite")
    for suffix in ["", "-wal"] {
      try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix)
    }
    #expect(try DecisionLogReader(path: copy).list().count == 30)
    let reopened = try DecisionLog(path: copy)
    reopened.record(Fixtures.record("after"))
    await reopened.close()
    #expect(try DecisionLogReader(path: copy).list().last?.id == "after")
  }

  /// A write that was torn by the loss of power: whatever the length, the rows are a prefix.
  @Test func aTornWriteLosesOnlyTheLastRows() async throws {
    let path = folder.file("log.sqlite")
    let log = try DecisionLog(path: path)
    // The tables are in the main file, the rows in the write-ahead log.
    try log.executeForTesting("PRAGMA wal_checkpoint(TRUNCATE)")
    for index in 0..<10 { log.record(Fixtures.record("u\(index)")) }
    await log.flush()
    let wal = try Data(contentsOf: URL(fileURLWithPath: path + "-wal"))
    var counts: Set<Int> = []
    for step in 0...20 {
      let copy = folder.file("copy\(step).sqlite")
      try FileManager.default.copyItem(atPath: path, toPath: copy)
      try wal.prefix(wal.count * step / 20).write(to: URL(fileURLWithPath: copy + "-wal"))
      let rows = try DecisionLogReader(path: copy).list()
      #expect(rows.map(\.id) == (0..<rows.count).map { "u\($0)" })
      counts.insert(rows.count)
    }
    #expect(counts.contains(0) && counts.contains(10) && counts.count > 4)
  }

  @Test func aFullDiskLosesRowsButNeverFails() async throws {
    let path = folder.file("log.sqlite")
    let reports = Mutex<[LossReport]>([])
    let log = try DecisionLog(path: path) { report in reports.withLock { $0.append(report) } }
    log.record(Fixtures.record("before"))
    await log.flush()
    let pages = try #require(try log.integerForTesting("PRAGMA page_count"))
    try log.executeForTesting("PRAGMA max_page_count = \(pages + 2)")
    for index in 0..<40 { log.record(Fixtures.record("full \(index)")) }
    await log.flush()
    let losses = log.losses
    #expect(losses.count > 20)
    #expect(losses.latestReason?.contains("full") == true)
    #expect(reports.withLock { $0.count } == losses.count)
    #expect(reports.withLock { $0.last } == losses)
    // Room again: rows are written again, and the loss stays counted.
    try log.executeForTesting("PRAGMA max_page_count = 1000000")
    log.record(Fixtures.record("after"))
    await log.flush()
    let ids = try DecisionLogReader(path: path).list().map(\.id)
    #expect(ids.first == "before")
    #expect(ids.last == "after")
    #expect(ids.count == 42 - losses.count)
    #expect(log.losses.count == losses.count)
  }

  @Test func aDamagedLogLosesRowsButNeverFails() async throws {
    let log = try DecisionLog(path: folder.file("log.sqlite"))
    try log.executeForTesting("DROP TABLE utterance")
    log.record(Fixtures.record("lost"))
    await log.flush()
    #expect(log.losses.count == 1)
    #expect(log.losses.latestReason?.contains("utterance") == true)
  }

  @Test func recordingReturnsAtOnceWhileTheFileIsLocked() async throws {
    let path = folder.file("log.sqlite")
    let log = try DecisionLog(path: path)
    let other = try Self.locked(path)
    let elapsed = ContinuousClock().measure {
      for index in 0..<20 { log.record(Fixtures.record("u\(index)")) }
    }
    // The lock is held: had `record` waited for it, this would be two seconds and more.
    #expect(elapsed < .seconds(1))
    try Self.unlock(other)
    await log.flush()
    #expect(log.losses.count == 0)
    #expect(try DecisionLogReader(path: path).list().count == 20)
  }

  /// A second process that holds the write lock.
  static func locked(_ path: String) throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    let other = try DatabaseQueue(path: path, configuration: configuration)
    try other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
    return other
  }

  static func unlock(_ other: DatabaseQueue) throws {
    try other.writeWithoutTransaction { try $0.execute(sql: "COMMIT") }
  }

  @Test func aFullQueueLosesRows() async throws {
    let log = try DecisionLog(path: folder.file("log.sqlite"), capacity: 0)
    log.record(Fixtures.record("lost"))
    #expect(log.losses.count == 1)
    await log.close()
    log.record(Fixtures.record("too late"))
    #expect(log.losses.count == 2)
  }

  @Test func aNewerSchemaIsNamed() async throws {
    let path = folder.file("log.sqlite")
    let log = try DecisionLog(path: path)
    try log.executeForTesting("UPDATE schema SET version = 99")
    await log.close()
    let expected = DecisionLogError.newerSchema(path: path, found: 99, known: Schema.version)
    #expect(throws: expected) { try DecisionLog(path: path) }
    #expect(throws: expected) { try DecisionLogReader(path: path) }
    #expect(expected.description.contains("99"))
  }

  /// docs/decision-log.md is what other tools are written by.
  @Test func theDocumentNamesEveryColumn() async throws {
    let log = try DecisionLog(path: folder.file("log.sqlite"))
    await log.close()
    let columns = try await DatabaseQueue(path: folder.file("log.sqlite")).read {
      try String.fetchAll($0, sql: "SELECT name FROM pragma_table_info('utterance')")
    }
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let text = try String(
      contentsOf: root.appendingPathComponent("docs/decision-log.md"), encoding: .utf8)
    let named = text.split(separator: "\n").filter { $0.hasPrefix("| `") }.flatMap { line in
      line.split(separator: "|")[0].split(separator: "`").enumerated()
        .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }
    #expect(named == columns)
    #expect(text.contains("schema version \(Schema.version)."))
  }

  @Test func filesThatAreNoDatabaseAreNamedAndLeftAlone() throws {
    let path = folder.file("notes.txt")
    let text = Data(String(repeating: "my notes, not a log. ", count: 300).utf8)
    try text.write(to: URL(fileURLWithPath: path))
    #expect(throws: DecisionLogError.notADatabase(path: path)) { try DecisionLog(path: path) }
    #expect(throws: DecisionLogError.notADatabase(path: path)) {
      try DecisionLogReader(path: path)
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == text)
  }

  @Test func foreignDatabasesAreNamedAndLeftAlone() throws {
    let path = folder.file("other.sqlite")
    let other = try DatabaseQueue(path: path)
    try other.write { try $0.execute(sql: "CREATE TABLE songs (title TEXT)") }
    try other.close()
    let before = try Data(contentsOf: URL(fileURLWithPath: path))
    #expect(throws: DecisionLogError.notADecisionLog(path: path)) { try DecisionLog(path: path) }
    #expect(throws: DecisionLogError.notADecisionLog(path: path)) {
      try DecisionLogReader(path: path)
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
  }

  @Test func placesThatCannotBeOpenedAreNamed() throws {
    let nowhere = folder.file("no/such/folder/log.sqlite")
    guard case .cannotOpen(nowhere, _) = try error({ _ = try DecisionLog(path: nowhere) }) else {
      Issue.record("a log was opened in no folder")
      return
    }
    #expect(throws: DecisionLogError.notFound(path: nowhere)) {
      try DecisionLogReader(path: nowhere)
    }
    #expect(throws: DecisionLogError.self) { try DecisionLog(path: folder.path) }
  }

  private func error(_ body: () throws -> Void) throws -> DecisionLogError? {
    do {
      try body()
      return nil
    } catch let error as DecisionLogError {
      return error
    }
  }
}
