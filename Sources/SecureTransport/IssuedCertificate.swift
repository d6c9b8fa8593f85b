public import Foundation

/// Where a new certificate and its key lie.
public struct IssuedCertificate: Sendable, Hashable {
  /// PEM, the certificate alone: what `TLSOptions.certificateChainPath` names.
  public var certificatePath: String
  /// PEM (PKCS #8), readable by its owner only.
  public var privateKeyPath: String
  public var identity: PeerIdentity
  public var validFrom: Date
  public var validUntil: Date
}
