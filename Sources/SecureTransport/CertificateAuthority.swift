import COpenSSL
public import Foundation

/// A private authority: one key that signs the certificates of an edge and its devices.
///
/// ```swift
/// let authority = try CertificateAuthority.create(inFolder: "certificates")
/// let edge = try authority.issue(
///   CertificateRequest(use: .server, commonName: "edge", dnsNames: ["localhost"]),
///   intoFolder: "certificates")
/// ```
///
/// Keys are P-256, signatures ECDSA with SHA-256. A key is written with permissions
/// 0600, and nothing is replaced unless asked for.
public struct CertificateAuthority: Sendable {
  /// The file that both ends name as `trustRootsPath`.
  public let certificatePath: String
  /// The file that signs; it is needed nowhere but where certificates are issued.
  public let privateKeyPath: String

  public static let certificateFileName = "ca.pem"
  public static let privateKeyFileName = "ca.key"

  /// Makes a new authority: `ca.pem` and `ca.key` in `folder`, which is made if needed.
  ///
  /// - Parameters:
  ///   - commonName: The authority's name, as in ``CertificateRequest/commonName``.
  ///   - days: How long it holds; ten years unless said otherwise.
  ///   - overwrite: Whether an authority already there may be replaced. Everything that
  ///     it signed then stops being trusted.
  /// - Throws: ``TLSError`` of kind `file`, `options` or `library`.
  public static func create(
    inFolder folder: String, commonName: String = "Tandem authority", validFrom: Date? = nil,
    days: Int = 3650, overwrite: Bool = false
  ) throws -> CertificateAuthority {
    try checkFolder(folder)
    let authority = CertificateAuthority(folder: folder)
    let files = [authority.certificatePath, authority.privateKeyPath]
    try SecretFile.makeFolder(folder)
    if !overwrite { try SecretFile.checkAbsent(files) }
    let request = CertificateRequest(
      use: .server, commonName: commonName, validFrom: validFrom, days: days)
    let key = try CertificateBuilder.newKey()
    defer { EVP_PKEY_free(key) }
    var builder = try CertificateBuilder(request, key: key, issuer: nil)
    try builder.addAuthorityExtensions()
    try builder.sign(with: key)
    try SecretFile.write(
      PEMFile.text(ofKey: key), to: authority.privateKeyPath, mode: 0o600, overwrite: overwrite)
    try SecretFile.write(
      PEMFile.text(ofCertificate: builder.certificate), to: authority.certificatePath, mode: 0o644,
      overwrite: overwrite)
    return authority
  }

  /// The authority that ``create(inFolder:commonName:validFrom:days:overwrite:)`` made.
  /// The files are read when something is issued.
  public init(folder: String) {
    certificatePath = folder + "/" + Self.certificateFileName
    privateKeyPath = folder + "/" + Self.privateKeyFileName
  }

  /// Issues a certificate: `NAME.pem` and `NAME.key` in `folder`, which is made if needed.
  ///
  /// - Throws: ``TLSError`` of kind `file` (the authority is missing, a file exists),
  ///   `options` (a name that cannot stand in a certificate, a validity beyond the
  ///   authority's own), `keyMismatch`, `ownCertificateExpired` or `library`.
  public func issue(
    _ request: CertificateRequest, intoFolder folder: String, overwrite: Bool = false
  ) throws -> IssuedCertificate {
    try CertificateBuilder.check(request)
    try Self.checkFolder(folder)
    let stem = folder + "/" + request.commonName.replacing(" ", with: "-")
    let paths = (certificate: stem + ".pem", key: stem + ".key")
    guard paths.key != privateKeyPath, paths.certificate != certificatePath else {
      throw TLSError(
        .options, "would take the place of the authority's own files", place: paths.certificate,
        remedy: "choose another common name or folder")
    }
    try SecretFile.makeFolder(folder)
    if !overwrite { try SecretFile.checkAbsent([paths.certificate, paths.key]) }

    try PEMFile.checkReadable(certificatePath, holding: "the authority's certificate")
    try PEMFile.checkReadable(privateKeyPath, holding: "the authority's private key")
    let authority = try PEMFile.certificate(certificatePath)
    defer { X509_free(authority) }
    let authorityKey = try PEMFile.privateKey(privateKeyPath)
    defer { EVP_PKEY_free(authorityKey) }
    try checkAuthority(authority, authorityKey)

    let key = try CertificateBuilder.newKey()
    defer { EVP_PKEY_free(key) }
    var builder = try CertificateBuilder(request, key: key, issuer: authority)
    try builder.checkWithin(authority, at: certificatePath)
    try builder.addOwnerExtensions(request)
    try builder.sign(with: authorityKey)
    try SecretFile.write(
      PEMFile.text(ofKey: key), to: paths.key, mode: 0o600, overwrite: overwrite)
    try SecretFile.write(
      PEMFile.text(ofCertificate: builder.certificate), to: paths.certificate, mode: 0o644,
      overwrite: overwrite)
    return IssuedCertificate(
      certificatePath: paths.certificate, privateKeyPath: paths.key,
      identity: CertificateReader.identity(of: builder.certificate),
      validFrom: builder.validFrom, validUntil: builder.validUntil)
  }

  /// The empty name, which an unset variable becomes, would put keys into the root of the file system.
  private static func checkFolder(_ folder: String) throws {
    guard folder.isEmpty else { return }
    throw TLSError(
      .options, "the folder's name is empty", place: "certificates",
      remedy: "name a folder, or . for this one")
  }

  private func checkAuthority(_ certificate: OpaquePointer, _ key: OpaquePointer) throws {
    guard X509_check_private_key(certificate, key) == 1 else {
      ERR_clear_error()
      throw TLSError(
        .keyMismatch, "does not belong to \(certificatePath)", place: privateKeyPath,
        remedy: "restore the two files of one authority")
    }
    guard X509_check_ca(certificate) == 1 else {
      throw TLSError(
        .file, "is no authority's certificate", place: certificatePath,
        remedy: "make an authority with 'tandem-edge certificates init'")
    }
    guard X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0 else {
      throw TLSError(
        .ownCertificateExpired,
        "the authority expired on \(CertificateReader.text(of: X509_get0_notAfter(certificate)))",
        place: certificatePath, remedy: "make a new authority and issue all certificates again")
    }
  }
}
