import Dispatch
import Foundation
import GRDB
import Synchronization

/// Writes the decision log: a SQLite file in WAL mode, one row an utterance.
///
/// `record` returns at once and never throws: rows are written on a queue of the log's own. What cannot be
/// written (disk full, damaged file, queue full) is counted and reported, and recognition goes on. A row
/// is committed with `synchronous = FULL`, so once written it survives the loss of power.
public final class DecisionLog: Sendable {
  public let path: String
  /// Whether transcripts are stored. Off, no word of them reaches the file.
  public let storeTranscripts: Bool

  private let pool: DatabasePool
  private let queue = DispatchQueue(label: "tandem.decision-log", qos: .utility)
  private let state = Mutex(State())
  private let capacity: Int
  private let onLoss: @Sendable (LossReport) -> Void

  private struct State {
    var pending = 0
    var losses = LossReport()
    var isClosed = false
  }

  /// Opens the log at `path`, or makes it, and brings an older schema up to date.
  /// - Parameters:
  ///   - storeTranscripts: whether to store what was said.
  ///   - capacity: rows that may wait to be written; more are lost.
  ///   - onLoss: called, on the log's queue or the caller's, for every row that is lost.
  /// - Throws: `DecisionLogError`. A caller that can do without a log reports it and goes on.
  public init(
    path: String, storeTranscripts: Bool = false, capacity: Int = 1024,
    onLoss: @escaping @Sendable (LossReport) -> Void = { _ in }
  ) throws(DecisionLogError) {
    self.path = path
    self.storeTranscripts = storeTranscripts
    self.capacity = capacity
    self.onLoss = onLoss
    do {
      var configuration = Configuration()
      configuration.label = "decision-log"
      // Another writer (a second device process) may hold the lock for a moment; our queue can wait.
      configuration.busyMode = .timeout(2)
      try NewLog.make(path: path)
      try Self.refuseForeignFile(path: path)
      pool = try DatabasePool(path: path, configuration: configuration)
      // GRDB sets NORMAL for WAL, which can lose the last rows when the power goes.
      try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
      try Self.migrate(pool)
    } catch {
      throw .named(error, path: path, reading: false)
    }
  }

  /// Writes only where something is missing: an older version's log, or one whose making was cut off.
  private static func migrate(_ pool: DatabasePool) throws {
    var attempt = 1
    while try !pool.read(Schema.migrator.hasCompletedMigrations) {
      do {
        try Schema.migrator.migrate(pool)
      } catch {
        // Another process may be bringing it up to date at the same moment, and have done so by now.
        guard attempt < 5 else { throw error }
        attempt += 1
        usleep(100_000)
      }
    }
  }

  /// Looks at an existing file without writing: switching to WAL would already change it.
  private static func refuseForeignFile(path: String) throws {
    guard FileManager.default.fileExists(atPath: path) else { return }
    var configuration = Configuration()
    configuration.busyMode = .timeout(2)
    let existing = try DatabaseQueue(path: path, configuration: configuration)
    try existing.read { try Schema.check($0, path: path) }
    try existing.close()
  }

  /// Takes a row to be written soon. A row with the id of an earlier one replaces it.
  public func record(_ record: DecisionRecord) {
    let accepted = state.withLock { state in
      guard !state.isClosed, state.pending < capacity else { return false }
      state.pending += 1
      return true
    }
    guard accepted else {
      lose(because: "too many rows wait to be written, or the log is closed")
      return
    }
    queue.async { [self] in
      do {
        try pool.write { database in
          try RowWriter.insert(record, storeTranscript: storeTranscripts, into: database)
        }
      } catch {
        lose(because: (error as? DatabaseError)?.message ?? "\(error)")
      }
      state.withLock { $0.pending -= 1 }
    }
  }

  /// Rows lost so far.
  public var losses: LossReport { state.withLock { $0.losses } }

  /// Returns when everything recorded so far has been written or lost.
  public func flush() async {
    await withCheckedContinuation { continuation in
      queue.async { continuation.resume() }
    }
  }

  /// Writes what waits and closes the file; the log takes no more rows.
  public func close() async {
    state.withLock { $0.isClosed = true }
    await flush()
    try? pool.close()
  }

  /// For tests: runs a statement on the writing connection.
  func executeForTesting(_ sql: String) throws {
    try pool.writeWithoutTransaction { try $0.execute(sql: sql) }
  }

  /// For tests: reads a value from the writing connection.
  func integerForTesting(_ sql: String) throws -> Int? {
    try pool.writeWithoutTransaction { try Int.fetchOne($0, sql: sql) }
  }

  private func lose(because reason: String) {
    let report = state.withLock { state in
      state.losses.count += 1
      state.losses.latestReason = reason
      return state.losses
    }
    onLoss(report)
  }
}
