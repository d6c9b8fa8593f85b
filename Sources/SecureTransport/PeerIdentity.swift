/// Who is at the other end: what its verified certificate says.
public struct PeerIdentity: Sendable, Hashable {
  /// The subject's common name; empty if it has none.
  public var commonName: String
  /// The subject alternative names of type DNS.
  public var dnsNames: [String]
  /// The subject alternative names of type IP, in the usual spelling.
  public var addresses: [String]
  /// SHA-256 over the certificate's DER bytes, as 64 lower-case hexadecimal digits.
  public var fingerprint: String

  public init(commonName: String, dnsNames: [String], addresses: [String], fingerprint: String) {
    self.commonName = commonName
    self.dnsNames = dnsNames
    self.addresses = addresses
    self.fingerprint = fingerprint
  }
}
