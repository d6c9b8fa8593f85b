/// Why a policy's memory cannot be used or kept.
enum MemoryProblem: Error, Hashable, Sendable {
  /// The file is not what was written.
  case damaged(String)
  /// A newer version of the program wrote it.
  case newer(found: String, known: String)
  /// Another process has it.
  case inUse
  /// The machine refuses: permissions, a full disk.
  case system(call: String, path: String, reason: String)
}

extension MemoryProblem: CustomStringConvertible {
  var description: String {
    switch self {
    case .damaged(let reason): reason
    case .newer(let found, let known):
      "a newer version of the program wrote it (format \(found), this program knows up to \(known))"
    case .inUse: "another process is using it"
    case .system(let call, let path, let reason): "\(call) \(path): \(reason)"
    }
  }
}
