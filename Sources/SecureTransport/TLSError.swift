/// What went wrong on a secure connection or with its files: the thing, the place,
/// and what to do about it.
public struct TLSError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What happened, for programs.
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    // Files, before any connection.
    /// A file is missing, unreadable, not writable, or holds no PEM of the right kind.
    case file
    /// The private key does not belong to the certificate.
    case keyMismatch
    /// This end's own certificate has expired or is not valid yet.
    case ownCertificateExpired
    /// Options that contradict each other or leave out something needed.
    case options

    // Connecting.
    /// No address of that name, nobody listens, or no route.
    case unreachable
    /// Another process listens there, or the address is not this machine's.
    case addressInUse
    /// The host name cannot be resolved, or binding failed for another reason.
    case address

    // The handshake.
    /// The peer did not finish the handshake, or the connection, in time.
    case handshakeTimeout
    /// The peer's certificate has expired or is not valid yet.
    case peerCertificateExpired
    /// The peer's certificate was signed by nobody that this end trusts.
    case unknownAuthority
    /// The server's certificate is for another name.
    case hostnameMismatch
    /// The client showed no certificate.
    case missingClientCertificate
    /// The peer's certificate is wrong in another way (revoked, wrong purpose, too weak).
    case badPeerCertificate
    /// The peer refused this end's certificate.
    case certificateRefused
    /// The two ends share no application protocol (ALPN, RFC 7301).
    case applicationProtocol
    /// The peer speaks no TLS 1.3, or no cipher in common.
    case version
    /// What came is no TLS at all.
    case notTLS
    /// The peer broke the TLS protocol, or a record was damaged.
    case protocolViolation

    // The open connection.
    /// The stream ended without close_notify: somebody cut it (RFC 8446, section 6.1).
    case truncated
    /// More bytes were written than the connection may hold back.
    case bufferFull
    /// Write after this end closed its half.
    case closed
    /// OpenSSL failed for want of memory or the like.
    case library
  }

  public var kind: Kind
  /// What happened, and to what: "the certificate of CN=edge expired on ...".
  public var problem: String
  /// A file, or the peer's address.
  public var place: String
  /// What a person can do about it.
  public var remedy: String

  public init(_ kind: Kind, _ problem: String, place: String, remedy: String) {
    self.kind = kind
    self.problem = problem
    self.place = place
    self.remedy = remedy
  }

  public var description: String { "\(place): \(problem); \(remedy)" }
}
