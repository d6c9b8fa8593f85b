import Foundation
import GRDB
import Testing

@testable import DecisionLog

@Suite("A log comes to be whole, and is read without permission to write", .timeLimit(.minutes(5)))
struct CreationTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("Several first starts at once lose no row")
  func firstStartsAtOnce() async throws {
    for round in 0..<10 {
      let path = folder.file("round\(round).sqlite")
      await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<4 {
          group.addTask {
            let log = try DecisionLog(path: path)
            for row in 0..<3 { log.record(Fixtures.record("w\(writer)r\(row)")) }
            await log.close()
            #expect(log.losses.count == 0, "\(log.losses)")
          }
        }
        do { try await group.waitForAll() } catch { Issue.record("\(error)") }
      }
      #expect(try DecisionLogReader(path: path).list().count == 12)
    }
    #expect(try leftovers() == [])
  }

  private func leftovers() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
      $0.contains(".new")
    }
  }

  @Test("A log whose making was cut off in an older version becomes one")
  func halfMade() async throws {
    for (number, sql) in [
      "CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY)", "",
    ].enumerated() {
      let path = folder.file("half\(number).sqlite")
      if sql.isEmpty {
        try Data().write(to: URL(fileURLWithPath: path))
      } else {
        let half = try DatabaseQueue(path: path)
        try await half.write { try $0.execute(sql: sql) }
        try half.close()
      }
      let log = try DecisionLog(path: path)
      log.record(Fixtures.record("row"))
      await log.close()
      #expect(try DecisionLogReader(path: path).list().map(\.id) == ["row"])
    }
  }

  @Test("A database of something else is still refused, whatever it is called")
  func foreign() throws {
    let path = folder.file("other.sqlite")
    let other = try DatabaseQueue(path: path)
    try other.write {
      try $0.execute(
        sql: """
          CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
          CREATE TABLE photo (id INTEGER);
          """)
    }
    try other.close()
    #expect(throws: DecisionLogError.notADecisionLog(path: path)) { try DecisionLog(path: path) }
  }

  @Test("A folder that cannot be written leaves nothing behind and says why")
  func noRoom() {
    #expect(throws: DecisionLogError.self) {
      try DecisionLog(path: "/proc/nowhere/log.sqlite")
    }
  }

  @Test("Somebody else's log, closed or left by a killed writer, is read without writing")
  func withoutPermission() async throws {
    let path = folder.file("log.sqlite")
    let log = try DecisionLog(path: path)
    for row in 0..<5 { log.record(Fixtures.record("u\(row)")) }
    await log.flush()
    // As a killed writer leaves it: rows in the write-ahead log, no -shm file.
    let killed = folder.file("killed.sqlite")
    for suffix in ["", "-wal"] {
      try FileManager.default.copyItem(atPath: path + suffix, toPath: killed + suffix)
    }
    #expect(try DecisionLogReader(path: path, mayWrite: false).list().count == 5)
    await log.close()
    for file in [path, killed] {
      let reader = try DecisionLogReader(path: file, mayWrite: false)
      #expect(try reader.list().count == 5, "\(file)")
      #expect(try reader.summary().utterances == 5)
    }
  }

  @Test("What the caller's code throws is not taken for a damaged log")
  func callersErrors() async throws {
    struct Full: Error {}
    let path = folder.file("log.sqlite")
    let log = try DecisionLog(path: path)
    log.record(Fixtures.record("row"))
    await log.close()
    let reader = try DecisionLogReader(path: path)
    #expect(throws: Full.self) { try reader.forEach(.init()) { _ in throw Full() } }
    #expect(throws: Full.self) { try reader.export(as: .csv) { _ in throw Full() } }
  }
}
