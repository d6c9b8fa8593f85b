public import Foundation

/// What a certificate should say.
public struct CertificateRequest: Sendable, Hashable {
  /// What its owner may do with it (RFC 5280, section 4.2.1.12).
  public enum Use: String, Sendable, Hashable, CaseIterable {
    /// Answer as an edge.
    case server
    /// Call as a device.
    case device
  }

  public var use: Use
  /// The owner's name, 1 to 64 letters, digits, spaces and `.-_@`. Also names the
  /// files: spaces become hyphens there.
  public var commonName: String
  /// The DNS names that a server answers to.
  public var dnsNames: [String]
  /// The IP addresses that a server answers at.
  public var addresses: [String]
  /// When it begins to hold. nil: five minutes ago, for devices whose clock is behind.
  public var validFrom: Date?
  /// How many days it holds from then, at least 1.
  public var days: Int

  public init(
    use: Use, commonName: String, dnsNames: [String] = [], addresses: [String] = [],
    validFrom: Date? = nil, days: Int = 365
  ) {
    self.use = use
    self.commonName = commonName
    self.dnsNames = dnsNames
    self.addresses = addresses
    self.validFrom = validFrom
    self.days = days
  }
}
