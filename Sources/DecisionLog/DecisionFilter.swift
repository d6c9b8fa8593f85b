import Foundation
import GRDB

/// Which rows to look at; everything that is set must hold.
public struct DecisionFilter: Hashable, Sendable {
  /// Started at or after.
  public var since: Date?
  /// Started before.
  public var until: Date?
  /// `exit 1`, …, `edge`, `none`.
  public var origin: String?
  public var policy: String?
  /// At most so many, the latest.
  public var limit: Int?

  public init(
    since: Date? = nil, until: Date? = nil, origin: String? = nil, policy: String? = nil,
    limit: Int? = nil
  ) {
    self.since = since
    self.until = until
    self.origin = origin
    self.policy = policy
    self.limit = limit
  }

  /// A query for the matching rows in the order of writing.
  var query: (sql: String, arguments: StatementArguments) { query(columns: "*", isOrdered: true) }

  /// A query for some columns of the matching rows; in any order unless `isOrdered`, so that an index which holds all of
  /// them can be read instead of the rows.
  func query(columns: String, isOrdered: Bool = false) -> (
    sql: String, arguments: StatementArguments
  ) {
    let order = isOrdered ? " ORDER BY sequence" : ""
    var conditions: [String] = []
    var arguments = StatementArguments()
    func add(_ condition: String, _ value: some DatabaseValueConvertible) {
      conditions.append(condition)
      arguments += [value]
    }
    if let since { add("startTime >= ?", since.timeIntervalSince1970) }
    if let until { add("startTime < ?", until.timeIntervalSince1970) }
    if let origin { add("origin = ?", origin) }
    if let policy { add("policy = ?", policy) }
    let condition = conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND ")
    guard let limit else {
      return ("SELECT \(columns) FROM utterance\(condition)\(order)", arguments)
    }
    arguments += [max(limit, 0)]
    return (
      "SELECT \(columns) FROM utterance WHERE sequence IN "
        + "(SELECT sequence FROM utterance\(condition) ORDER BY sequence DESC LIMIT ?)\(order)",
      arguments
    )
  }
}
