import Foundation
import GRDB

/// Reads a decision log, also while a device writes it.
public final class DecisionLogReader: Sendable {
  public let path: String
  private let queue: DatabaseQueue

  /// - Throws: `DecisionLogError`.
  public init(path: String) throws(DecisionLogError) {
    self.path = path
    guard FileManager.default.fileExists(atPath: path) else { throw .notFound(path: path) }
    do {
      var configuration = Configuration()
      configuration.busyMode = .timeout(2)
      // Not SQLite's read-only mode: reading a WAL file whose writer was killed needs its -shm file.
      queue = try DatabaseQueue(path: path, configuration: configuration)
      try queue.read { database in
        try Schema.check(database, path: path)
        guard try database.tableExists("utterance") else {
          throw DecisionLogError.notADecisionLog(path: path)
        }
      }
      try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA query_only = ON") }
    } catch {
      throw .named(error, path: path, reading: true)
    }
  }

  /// The matching rows in the order of writing.
  /// - Throws: `DecisionLogError.unreadable`.
  public func list(_ filter: DecisionFilter = DecisionFilter()) throws(DecisionLogError)
    -> [StoredDecision]
  {
    var rows: [StoredDecision] = []
    try forEach(filter) { rows.append($0) }
    return rows
  }

  /// Calls `body` with every matching row, one in memory at a time.
  /// - Throws: `DecisionLogError.unreadable`, also for what `body` throws.
  public func forEach(
    _ filter: DecisionFilter = DecisionFilter(), _ body: (StoredDecision) throws -> Void
  ) throws(DecisionLogError) {
    do {
      try queue.read { database in
        let query = filter.query
        let rows = try StoredDecision.fetchCursor(
          database, sql: query.sql, arguments: query.arguments)
        while let row = try rows.next() { try body(row) }
      }
    } catch {
      throw .named(error, path: path, reading: true)
    }
  }

  /// Counts, percentiles and costs over the matching rows.
  /// - Throws: `DecisionLogError.unreadable`.
  public func summary(_ filter: DecisionFilter = DecisionFilter()) throws(DecisionLogError)
    -> DecisionSummary
  {
    try overview(filter).summary
  }

  /// The summary, and how it all went over time. Reads the matching rows twice, one at a time: memory does not grow
  /// with the log.
  /// - Parameter deadline: seconds within which answers were due; nil counts no answer as late.
  /// - Throws: `DecisionLogError.unreadable`.
  public func overview(
    _ filter: DecisionFilter = DecisionFilter(), deadline: Double? = nil
  ) throws(DecisionLogError) -> DecisionOverview {
    do {
      // One transaction: rows that are written meanwhile are in neither pass.
      return try queue.read { database in
        var span = TimeSpan()
        let times = filter.query(columns: "startTime")
        let cursor = try Row.fetchCursor(database, sql: times.sql, arguments: times.arguments)
        while let row = try cursor.next() { span.add(try SummaryRow.number(row, 0)) }
        var summary = SummaryBuilder()
        var timeline = DecisionTimeline(span, deadline: deadline)
        let query = filter.query(columns: SummaryRow.columns)
        let rows = try Row.fetchCursor(database, sql: query.sql, arguments: query.arguments)
        while let row = try rows.next() {
          let row = try SummaryRow(row)
          summary.add(row)
          timeline.add(row)
        }
        return DecisionOverview(summary: summary.finish(), timeline: timeline)
      }
    } catch {
      throw .named(error, path: path, reading: true)
    }
  }

  /// The matching rows as text, one a line. For long logs see `export(_:as:to:)`.
  /// - Throws: `DecisionLogError.unreadable`.
  public func export(
    _ filter: DecisionFilter = DecisionFilter(), as format: ExportFormat
  ) throws(DecisionLogError) -> String {
    var text = ""
    try export(filter, as: format) { text += $0 }
    return text
  }

  /// Writes the matching rows line by line (each with its newline) with `write`.
  /// - Throws: `DecisionLogError.unreadable`, also for what `write` throws.
  public func export(
    _ filter: DecisionFilter = DecisionFilter(), as format: ExportFormat,
    to write: (String) throws -> Void
  ) throws(DecisionLogError) {
    do {
      if let header = format.header { try write(header) }
    } catch {
      throw .unreadable(path: path, reason: "\(error)")
    }
    try forEach(filter) { try write(format.line($0)) }
  }
}
