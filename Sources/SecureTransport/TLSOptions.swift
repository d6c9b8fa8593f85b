/// What one end of a TLS connection needs from its files.
///
/// A plain value: nothing is read until a ``TLSContext`` is made of it.
public struct TLSOptions: Sendable, Hashable {
  /// Who must show a certificate.
  public enum Verification: Sendable, Hashable {
    /// Both ends. The default: an edge answers only the devices of its own authority.
    case mutual
    /// Only the server: anybody may connect. For public test servers.
    case serverOnly
  }

  /// PEM file: this end's certificate, then any intermediate ones, leaf first.
  /// Needed by every server, and by a client under `.mutual`.
  public var certificateChainPath: String?
  /// PEM file: the private key of that certificate.
  public var privateKeyPath: String?
  /// PEM file: the authorities that this end trusts. nil: a client trusts the
  /// machine's own store; a server under `.mutual` must name one.
  public var trustRootsPath: String?
  public var verification: Verification
  /// For clients: the name that the server's certificate must carry, where it differs
  /// from the host connected to (an address behind a name, a tunnel). DNS name or IP.
  public var serverName: String?

  public init(
    certificateChainPath: String? = nil, privateKeyPath: String? = nil,
    trustRootsPath: String? = nil, verification: Verification = .mutual,
    serverName: String? = nil
  ) {
    self.certificateChainPath = certificateChainPath
    self.privateKeyPath = privateKeyPath
    self.trustRootsPath = trustRootsPath
    self.verification = verification
    self.serverName = serverName
  }
}
