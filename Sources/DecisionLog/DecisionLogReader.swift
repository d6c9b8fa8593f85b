import Foundation
import GRDB

/// Reads a decision log, also while a device writes it. Needs no permission to write.
public final class DecisionLogReader: Sendable {
  public let path: String
  private let queue: DatabaseQueue
  /// A copy that this reader made because the log cannot be opened where it is.
  private let copy: String?

  /// - Throws: `DecisionLogError`.
  public convenience init(path: String) throws(DecisionLogError) {
    // Not by NSString, whose deletingLastPathComponent traps for a name of one letter (Swift 6.3).
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    let files = FileManager.default
    try self.init(
      path: path,
      mayWrite: files.isWritableFile(atPath: path)
        && files.isWritableFile(atPath: folder.isEmpty ? "." : folder))
  }

  /// - Parameter mayWrite: whether this user may write the file, and others beside it.
  init(path: String, mayWrite: Bool) throws(DecisionLogError) {
    self.path = path
    guard FileManager.default.fileExists(atPath: path) else { throw .notFound(path: path) }
    var made: String?
    do {
      // Where it can be written, reading is safest as a writer: a file whose writer was killed needs its -shm file.
      if mayWrite {
        queue = try Self.open(path, isReadOnly: false)
      } else {
        do {
          queue = try Self.open(path, isReadOnly: true)
        } catch let error as DatabaseError
          where [.SQLITE_CANTOPEN, .SQLITE_READONLY].contains(error.resultCode.primaryResultCode)
        {
          // Somebody else's file, or a file system that is mounted for reading, without a -shm file.
          let copy = try Self.copy(path)
          made = copy
          queue = try Self.open(copy + "/log.sqlite", isReadOnly: false)
        }
      }
      copy = made
    } catch {
      if let made { try? FileManager.default.removeItem(atPath: made) }
      throw .named(error, path: path, reading: true)
    }
  }

  deinit {
    guard let copy else { return }
    try? queue.close()
    try? FileManager.default.removeItem(atPath: copy)
  }

  private static func open(_ path: String, isReadOnly: Bool) throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.busyMode = .timeout(2)
    configuration.readonly = isReadOnly
    let queue = try DatabaseQueue(path: path, configuration: configuration)
    try queue.read { database in
      try Schema.check(database, path: path)
      guard try database.tableExists("utterance") else {
        throw DecisionLogError.notADecisionLog(path: path)
      }
    }
    try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA query_only = ON") }
    return queue
  }

  /// - Returns: A folder of this reader's own, with the log and what its writer had not yet moved into it.
  private static func copy(_ path: String) throws -> String {
    let files = FileManager.default
    let folder = files.temporaryDirectory.appendingPathComponent(
      "tandem-log-\(UUID().uuidString)"
    ).path
    try files.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    do {
      for suffix in ["", "-wal"] where files.fileExists(atPath: path + suffix) {
        try Data(contentsOf: URL(fileURLWithPath: path + suffix), options: .alwaysMapped)
          .write(to: URL(fileURLWithPath: "\(folder)/log.sqlite\(suffix)"))
      }
    } catch {
      try? files.removeItem(atPath: folder)
      throw error
    }
    return folder
  }

  /// The matching rows in the order of writing.
  /// - Throws: `DecisionLogError.unreadable`.
  public func list(_ filter: DecisionFilter = DecisionFilter()) throws(DecisionLogError)
    -> [StoredDecision]
  {
    var rows: [StoredDecision] = []
    do {
      try forEach(filter) { rows.append($0) }
    } catch {
      throw .named(error, path: path, reading: true)
    }
    return rows
  }

  /// Calls `body` with every matching row, one in memory at a time.
  /// - Throws: `DecisionLogError.unreadable`, and what `body` throws.
  public func forEach(
    _ filter: DecisionFilter = DecisionFilter(), _ body: (StoredDecision) throws -> Void
  ) throws {
    do {
      try queue.read { database in
        let query = filter.query
        let rows = try StoredDecision.fetchCursor(
          database, sql: query.sql, arguments: query.arguments)
        while let row = try rows.next() {
          do { try body(row) } catch { throw Thrown(error: error) }
        }
      }
    } catch let thrown as Thrown {
      throw thrown.error
    } catch {
      throw DecisionLogError.named(error, path: path, reading: true)
    }
  }

  /// What the caller's code threw: not the log's fault.
  private struct Thrown: Error {
    var error: any Error
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
    do {
      try export(filter, as: format) { text += $0 }
    } catch {
      throw .named(error, path: path, reading: true)
    }
    return text
  }

  /// Writes the matching rows line by line (each with its newline) with `write`.
  /// - Throws: `DecisionLogError.unreadable`, and what `write` throws.
  public func export(
    _ filter: DecisionFilter = DecisionFilter(), as format: ExportFormat,
    to write: (String) throws -> Void
  ) throws {
    if let header = format.header { try write(header) }
    try forEach(filter) { row in
      let line: String
      do {
        line = try format.line(row)
      } catch {
        throw DecisionLogError.unreadable(path: path, reason: "\(error)")
      }
      try write(line)
    }
  }
}
