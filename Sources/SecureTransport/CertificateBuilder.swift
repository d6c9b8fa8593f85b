import COpenSSL
import Foundation

/// Puts one X.509 certificate together (RFC 5280) and owns it.
struct CertificateBuilder: ~Copyable {
  let certificate: OpaquePointer
  let validFrom: Date
  let validUntil: Date
  private let issuer: OpaquePointer

  private static let clockTolerance: TimeInterval = 300
  private static let secondsPerDay: TimeInterval = 86400
  /// Certificates beyond 2049 need another time format; a century is a typing error.
  private static let maximumDays = 36500
  private static let maximumNames = 64

  /// - Parameters:
  ///   - key: The owner's.
  ///   - issuer: Who signs; nil: the certificate itself.
  init(_ request: CertificateRequest, key: OpaquePointer, issuer: OpaquePointer?) throws {
    try Self.check(request)
    guard let certificate = X509_new() else { throw Self.libraryError() }
    let validFrom = request.validFrom ?? Date().addingTimeInterval(-Self.clockTolerance)
    let validUntil = validFrom.addingTimeInterval(Double(request.days) * Self.secondsPerDay)
    do {
      // Version 3, written as 2.
      guard X509_set_version(certificate, 2) == 1,
        ASN1_TIME_set(X509_getm_notBefore(certificate), Int(validFrom.timeIntervalSince1970))
          != nil,
        ASN1_TIME_set(X509_getm_notAfter(certificate), Int(validUntil.timeIntervalSince1970))
          != nil,
        X509_set_pubkey(certificate, key) == 1
      else { throw Self.libraryError() }
      try Self.setSerialNumber(certificate)
      try Self.setSubject(certificate, request.commonName)
      guard X509_set_issuer_name(certificate, X509_get_subject_name(issuer ?? certificate)) == 1
      else { throw Self.libraryError() }
    } catch {
      X509_free(certificate)
      throw error
    }
    self.certificate = certificate
    self.issuer = issuer ?? certificate
    self.validFrom = validFrom
    self.validUntil = validUntil
  }

  deinit { X509_free(certificate) }

  // MARK: What may stand in one

  /// - Throws: ``TLSError`` of kind `options` that names the offending value.
  static func check(_ request: CertificateRequest) throws {
    func refuse(_ problem: String, _ remedy: String) -> TLSError {
      TLSError(.options, problem, place: "certificate for '\(request.commonName)'", remedy: remedy)
    }
    let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .-_@")
    guard (1...64).contains(request.commonName.count),
      request.commonName.allSatisfy(allowed.contains), !request.commonName.hasPrefix("."),
      request.commonName.contains(where: { $0.isLetter || $0.isNumber })
    else {
      throw refuse(
        "the common name is empty, too long or holds characters that are not allowed",
        "use 1 to 64 letters, digits, spaces and .-_@, not beginning with a dot")
    }
    guard (1...maximumDays).contains(request.days) else {
      throw refuse("\(request.days) days is no validity", "give 1 to \(maximumDays) days")
    }
    if let from = request.validFrom,
      abs(from.timeIntervalSinceNow) > secondsPerDay * Double(maximumDays)
    {
      throw refuse(
        "would begin to hold more than \(maximumDays) days from now", "give a date within a century"
      )
    }
    guard request.dnsNames.count + request.addresses.count <= maximumNames else {
      throw refuse("has more than \(maximumNames) names", "issue several certificates")
    }
    for name in request.dnsNames where InternetAddress.bytes(of: name) != nil {
      throw refuse(
        "'\(name)' is an IP address, which no client looks for among DNS names", "use --address")
    }
    for name in request.dnsNames where !isHostName(name) {
      throw refuse("'\(name)' is no DNS name", "use letters, digits, hyphens and dots")
    }
    for address in request.addresses where InternetAddress.bytes(of: address) == nil {
      throw refuse("'\(address)' is no IP address", "write it like 192.0.2.1 or 2001:db8::1")
    }
  }

  /// RFC 1123's host names, with `*` allowed as the first label (RFC 6125).
  private static func isHostName(_ name: String) -> Bool {
    let labels = name.split(separator: ".", omittingEmptySubsequences: false)
    guard !name.isEmpty, name.utf8.count <= 253 else { return false }
    return labels.enumerated().allSatisfy { index, label in
      if index == 0 && label == "*" && labels.count > 2 { return true }
      return (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
        && label.utf8.allSatisfy {
          ($0 >= 0x30 && $0 <= 0x39) || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a) || $0 == 0x2d
        }
    }
  }

  /// - Throws: ``TLSError`` if this certificate would outlive the one that signs it.
  func checkWithin(_ authority: OpaquePointer, at path: String) throws {
    guard
      ASN1_TIME_compare(X509_get0_notAfter(certificate), X509_get0_notAfter(authority)) <= 0
    else {
      throw TLSError(
        .options,
        "the certificate would outlive its authority, which expires on \(CertificateReader.text(of: X509_get0_notAfter(authority)))",
        place: path, remedy: "ask for fewer days, or make a new authority")
    }
  }

  // MARK: Parts

  static func newKey() throws -> OpaquePointer {
    guard let key = tandem_new_P256_key() else { throw libraryError() }
    return key
  }

  /// 127 random bits: unguessable, and positive as RFC 5280, section 4.1.2.2, asks.
  private static func setSerialNumber(_ certificate: OpaquePointer) throws {
    var bytes = [UInt8](repeating: 0, count: 16)
    guard RAND_bytes(&bytes, Int32(bytes.count)) == 1 else { throw libraryError() }
    bytes[0] &= 0x7f
    guard let number = BN_bin2bn(bytes, Int32(bytes.count), nil) else { throw libraryError() }
    defer { BN_free(number) }
    guard BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nil else {
      throw libraryError()
    }
  }

  private static func setSubject(_ certificate: OpaquePointer, _ commonName: String) throws {
    let bytes = Array(commonName.utf8)
    guard let subject = X509_get_subject_name(certificate),
      X509_NAME_add_entry_by_NID(
        subject, NID_commonName, MBSTRING_UTF8, bytes, Int32(bytes.count), -1, 0) == 1
    else { throw libraryError() }
  }

  mutating func addAuthorityExtensions() throws {
    // pathlen:0: it signs ends, never further authorities.
    try add(NID_basic_constraints, "critical,CA:TRUE,pathlen:0")
    try add(NID_key_usage, "critical,keyCertSign,cRLSign")
    try add(NID_subject_key_identifier, "hash")
  }

  mutating func addOwnerExtensions(_ request: CertificateRequest) throws {
    try add(NID_basic_constraints, "critical,CA:FALSE")
    try add(NID_key_usage, "critical,digitalSignature")
    try add(NID_ext_key_usage, request.use == .server ? "serverAuth" : "clientAuth")
    try add(NID_subject_key_identifier, "hash")
    try add(NID_authority_key_identifier, "keyid:always")
    let names = request.dnsNames.map { "DNS:\($0)" } + request.addresses.map { "IP:\($0)" }
    if !names.isEmpty { try add(NID_subject_alt_name, names.joined(separator: ",")) }
  }

  private func add(_ identifier: Int32, _ value: String) throws {
    var context = X509V3_CTX()
    tandem_X509V3_set_context(&context, issuer, certificate)
    guard let added = X509V3_EXT_conf_nid(nil, &context, identifier, value) else {
      throw Self.libraryError()
    }
    defer { X509_EXTENSION_free(added) }
    guard X509_add_ext(certificate, added, -1) == 1 else { throw Self.libraryError() }
  }

  mutating func sign(with key: OpaquePointer) throws {
    // Returns the signature's size.
    guard X509_sign(certificate, key, EVP_sha256()) > 0 else { throw Self.libraryError() }
  }

  private static func libraryError() -> TLSError {
    TLSError(
      .library, "OpenSSL could not make a certificate (\(OpenSSLErrors.drainText()))",
      place: "libcrypto", remedy: "check the OpenSSL installation and its openssl.cnf")
  }
}
