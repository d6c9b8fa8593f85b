import Foundation
import GRDB

/// The tables, their version and the way from every older version to this one.
///
/// Version 1: `schema(version)` with one row, and `utterance` with one row an utterance; its columns
/// are those of `StoredDecision`. Columns ending in `Json` hold JSON as the types of `Offload` encode.
///
/// Version 2: the column `propensity`; in `decisionsJson` every decision holds what the policy saw
/// (`context`) and every prediction the probability of its action, so that the row can be replayed.
/// Rows of version 1 stay as they are: their `propensity` is NULL.
///
/// Version 3: what was sent while the user spoke, see `Schema+Speculation.swift`.
///
/// The index `utteranceSummary` holds what a summary reads, so that it need not go through the rows, which are a
/// hundred times as long. It changes no column, so the version stays.
enum Schema {
  /// The version that this code writes.
  static let version = 3

  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { database in
      try database.execute(
        sql: """
          CREATE TABLE schema (version INTEGER NOT NULL);
          INSERT INTO schema (version) VALUES (1);
          CREATE TABLE utterance (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            startTime REAL NOT NULL,          -- seconds since 1970
            durationSeconds REAL NOT NULL,
            signalToNoiseDecibels REAL,
            exitsJson TEXT NOT NULL,          -- [ExitEvidence]
            linkJson TEXT NOT NULL,           -- LinkEstimate
            edgeJson TEXT NOT NULL,           -- EdgeEstimate
            predictionsJson TEXT NOT NULL,    -- predicted cost of every action at the last decision
            decisionsJson TEXT NOT NULL,      -- [Decision], in order
            policy TEXT NOT NULL,
            reason TEXT NOT NULL,             -- Reason.code of the last decision
            offloaded INTEGER NOT NULL,       -- 1 if the last decision was to offload
            predictedTotal REAL,              -- DecisionChain.predictedTotal
            predictedLatency REAL,            -- DecisionChain.predictedLatency
            bytesSent INTEGER NOT NULL,
            bytesReceived INTEGER NOT NULL,
            answerSeconds REAL NOT NULL,
            timesJson TEXT NOT NULL,          -- MeasuredTimes
            actualTotal REAL,
            actualCostJson TEXT,              -- ActualCost
            origin TEXT NOT NULL,             -- 'exit 1', …, 'edge', 'none'
            fallbackReason TEXT,
            modelFingerprint TEXT NOT NULL,
            deviceClass TEXT NOT NULL,
            transcript TEXT                   -- NULL unless transcripts were asked for
          );
          CREATE INDEX utteranceByTime ON utterance (startTime);
          """)
    }
    migrator.registerMigration("2") { database in
      try database.execute(
        sql: """
          ALTER TABLE utterance ADD COLUMN propensity REAL; -- of the chain of decisions
          UPDATE schema SET version = 2;
          """)
    }
    migrator.registerMigration("2, summary index") { database in
      // Where somebody has dropped the table there is nothing to index; writing will say so.
      guard try database.tableExists("utterance") else { return }
      try database.execute(
        sql: "CREATE INDEX utteranceSummary ON utterance (\(SummaryRow.columns), policy)")
    }
    registerSpeculation(&migrator)
    return migrator
  }

  /// Every table that a log has or had, and SQLite's own.
  private static let tables: Set = ["schema", "utterance", "grdb_migrations", "sqlite_sequence"]

  /// Refuses what is not a log, or is a newer one. An empty database is fine, and so is one in which an older version's
  /// first migration was cut off: it will become one.
  static func check(_ database: Database, path: String) throws {
    let found = Set(
      try String.fetchAll(
        database, sql: "SELECT name FROM sqlite_master WHERE type = 'table'"))
    if found.isEmpty { return }
    guard found.contains("grdb_migrations") else {
      throw DecisionLogError.notADecisionLog(path: path)
    }
    if found.isSubset(of: tables), try !database.tableExists("schema"),
      try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM grdb_migrations") == 0
    {
      return
    }
    guard found.contains("schema"),
      let found = try Int.fetchOne(database, sql: "SELECT version FROM schema")
    else { throw DecisionLogError.notADecisionLog(path: path) }
    guard found <= version else {
      throw DecisionLogError.newerSchema(path: path, found: found, known: version)
    }
  }
}

extension DecisionLogError {
  /// SQLite's errors in our words.
  static func named(_ error: any Error, path: String, reading: Bool) -> DecisionLogError {
    if let error = error as? DecisionLogError { return error }
    guard let error = error as? DatabaseError else {
      return .cannotOpen(path: path, reason: "\(error)")
    }
    let reason = error.message ?? "SQLite error \(error.resultCode.rawValue)"
    switch error.resultCode {
    case .SQLITE_NOTADB: return .notADatabase(path: path)
    case _ where reading: return .unreadable(path: path, reason: reason)
    default: return .cannotOpen(path: path, reason: reason)
    }
  }
}
