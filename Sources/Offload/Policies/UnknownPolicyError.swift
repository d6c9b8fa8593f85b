/// No policy has this name.
public struct UnknownPolicyError: Error, Hashable, Sendable, CustomStringConvertible {
  public let name: String
  public let known: [String]

  public var description: String {
    "no policy is called '\(name)'; known are \(known.joined(separator: ", "))"
  }
}
