/// What a device talks over.
public enum Radio: String, CaseIterable, Hashable, Codable, CodingKeyRepresentable, Sendable {
  case wifi
  case lte
}
