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
  var query: (sql: String, arguments: StatementArguments) {
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
      return ("SELECT * FROM utterance\(condition) ORDER BY sequence", arguments)
    }
    arguments += [max(limit, 0)]
    return (
      "SELECT * FROM (SELECT * FROM utterance\(condition) ORDER BY sequence DESC LIMIT ?) "
        + "ORDER BY sequence", arguments
    )
  }
}
