/// Why a profile cannot be used. Lines are counted from 1.
public enum ProfileError: Error, Hashable, Sendable {
  case unreadable(path: String, reason: String)
  case empty(path: String)
  case notAProfile(path: String, reason: String)
  case newerVersion(path: String, found: Int)
  case malformedLine(path: String, line: Int, reason: String)
  /// A line that does not hold what the header promises, or numbers that make no sense.
  case inconsistent(path: String, line: Int, utterance: String, reason: String)
  case duplicate(path: String, line: Int, utterance: String)
}

extension ProfileError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unreadable(let path, let reason):
      "the profile \(path) cannot be read: \(reason)"
    case .empty(let path):
      "the profile \(path) holds no utterance; make it with 'tandem-evaluate profile'"
    case .notAProfile(let path, let reason):
      "\(path):1: this is not the head of a profile: \(reason); make it with 'tandem-evaluate profile'"
    case .newerVersion(let path, let found):
      "\(path) has version \(found), this program reads 1 to \(ProfileHeader.currentVersion); "
        + "update the program, or make the profile again"
    case .malformedLine(let path, let line, let reason):
      "\(path):\(line): this is not a profiled utterance: \(reason)"
    case .inconsistent(let path, let line, let utterance, let reason):
      "\(path):\(line): utterance '\(utterance)': \(reason); make the profile again"
    case .duplicate(let path, let line, let utterance):
      "\(path):\(line): utterance '\(utterance)' stands there twice; keep one"
    }
  }
}
