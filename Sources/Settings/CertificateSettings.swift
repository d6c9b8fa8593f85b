/// Paths of PEM files for mutual TLS.
public struct CertificateSettings: Hashable, Sendable {
  /// This side's certificate, with its chain; nil if not set.
  public var certificate: String?
  /// This side's private key; nil if not set.
  public var privateKey: String?
  /// The certificates of the authorities that the other side's must come from; nil if not set.
  public var authority: String?

  public init(certificate: String?, privateKey: String?, authority: String?) {
    self.certificate = certificate
    self.privateKey = privateKey
    self.authority = authority
  }

  static let keys = [
    SettingKey(
      "certificates.certificate", .string, default: .string(""),
      "PEM file with this side's certificate and its chain, as 'tandem-edge certificates issue' "
        + "writes it. Empty: none."),
    SettingKey(
      "certificates.privateKey", .string, default: .string(""),
      "PEM file with the private key of that certificate. Empty: none."),
    SettingKey(
      "certificates.authority", .string, default: .string(""),
      "PEM file with the authority's certificate that the other side's must come from. Empty: none."
    ),
  ]

  init(_ resolved: ResolvedSettings) {
    certificate = resolved.optional("certificates.certificate")
    privateKey = resolved.optional("certificates.privateKey")
    authority = resolved.optional("certificates.authority")
  }
}
