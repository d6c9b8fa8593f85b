/// Why a decision log cannot be opened or read.
public enum DecisionLogError: Error, Hashable, Sendable {
  /// There is no such file (when reading).
  case notFound(path: String)
  /// The file cannot be made or opened.
  case cannotOpen(path: String, reason: String)
  /// The file is no SQLite database.
  case notADatabase(path: String)
  /// It is a database of something else.
  case notADecisionLog(path: String)
  /// The log was written by a newer version of the program.
  case newerSchema(path: String, found: Int, known: Int)
  /// Reading failed on the way, for instance at damaged pages.
  case unreadable(path: String, reason: String)
}

extension DecisionLogError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notFound(let path):
      "there is no decision log \(path); the first transcribed utterance makes one"
    case .cannotOpen(let path, let reason):
      "the decision log \(path) cannot be opened: \(reason). Check decisionLog.path and the folder's "
        + "permissions"
    case .notADatabase(let path):
      "\(path) is no SQLite database, so it cannot be the decision log. Choose another "
        + "decisionLog.path or move the file away"
    case .notADecisionLog(let path):
      "\(path) is a database of something else, not a decision log. Choose another decisionLog.path"
    case .newerSchema(let path, let found, let known):
      "the decision log \(path) has schema version \(found), this program knows up to \(known). "
        + "Update the program, or choose another decisionLog.path"
    case .unreadable(let path, let reason):
      "the decision log \(path) cannot be read: \(reason)"
    }
  }
}
