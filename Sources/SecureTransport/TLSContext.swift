import COpenSSL
public import Foundation
import Synchronization

/// The certificates, keys and rules of one end, loaded and checked: what every
/// connection of that end shares.
///
/// Everything that can be wrong with the files is found here, before a socket is
/// opened. TLS 1.3 only, application protocol `h2` only.
///
/// @unchecked Sendable holds because the OpenSSL context is fully configured before
/// `init` returns and never changed after; OpenSSL locks its own counters inside, and
/// documents that one SSL_CTX may serve connections on several threads.
public final class TLSContext: @unchecked Sendable {
  public enum Role: Sendable, Hashable { case server, client }

  public let role: Role
  public let options: TLSOptions
  /// This end's own certificate; nil for a client without one.
  public let ownIdentity: PeerIdentity?
  let pointer: OpaquePointer

  /// When this end's own certificate ends; nil without one.
  public var validUntil: Date? {
    guard let certificate = SSL_CTX_get0_certificate(pointer) else { return nil }
    return CertificateReader.date(of: X509_get0_notAfter(certificate))
  }

  /// - Throws: ``TLSError`` of kind `ownCertificateExpired` when this end's own certificate does not hold now.
  func checkValidity() throws {
    guard let certificate = SSL_CTX_get0_certificate(pointer),
      let path = options.certificateChainPath
    else { return }
    try Self.checkValidity(of: certificate, at: path)
  }

  /// The application protocol of gRPC (RFC 7301's registry), as it stands on the wire:
  /// a length byte, then the name.
  static let applicationProtocol: [UInt8] = [2] + Array("h2".utf8)

  /// - Throws: ``TLSError`` of kind `file`, `keyMismatch`, `ownCertificateExpired`,
  ///   `options` or `library`.
  public convenience init(_ role: Role, _ options: TLSOptions) throws {
    try self.init(
      role, options, applicationProtocols: Self.applicationProtocol, allowingExpired: false)
  }

  /// As above, for tests that play a wrong peer.
  ///
  /// - Parameters:
  ///   - applicationProtocols: What a client offers, each with its length before it.
  ///   - allowingExpired: Whether this end may show a certificate that does not hold.
  init(
    _ role: Role, _ options: TLSOptions,
    applicationProtocols: [UInt8] = TLSContext.applicationProtocol, allowingExpired: Bool = false
  ) throws {
    try Self.checkCompleteness(role, options)
    guard let pointer = SSL_CTX_new(role == .server ? TLS_server_method() : TLS_client_method())
    else { throw Self.libraryError() }
    do {
      try Self.setProtocolRules(pointer, role, applicationProtocols)
      ownIdentity = try Self.loadOwnCertificate(pointer, options, allowingExpired)
      try Self.setVerification(pointer, role, options)
    } catch {
      SSL_CTX_free(pointer)
      throw error
    }
    self.pointer = pointer
    self.role = role
    self.options = options
  }

  deinit { SSL_CTX_free(pointer) }

  private static func checkCompleteness(_ role: Role, _ options: TLSOptions) throws {
    func incomplete(_ problem: String, _ remedy: String) -> TLSError {
      TLSError(.options, problem, place: "TLS options", remedy: remedy)
    }
    if (options.certificateChainPath == nil) != (options.privateKeyPath == nil) {
      throw incomplete(
        "a certificate chain and a private key go together, and one is missing",
        "name both files, or neither")
    }
    let needsOwn = role == .server || options.verification == .mutual
    if needsOwn && options.certificateChainPath == nil {
      throw incomplete(
        role == .server
          ? "a server needs a certificate chain and a private key"
          : "mutual verification needs the device's certificate chain and private key",
        "issue them with 'tandem-edge certificates issue'")
    }
    if role == .server && options.verification == .mutual && options.trustRootsPath == nil {
      throw incomplete(
        "a server with mutual verification needs the authority that signed its devices",
        "name the authority's certificate, usually ca.pem")
    }
  }

  private static func setProtocolRules(
    _ pointer: OpaquePointer, _ role: Role, _ applicationProtocols: [UInt8]
  ) throws {
    guard tandem_SSL_CTX_set_min_proto_version(pointer, TLS1_3_VERSION) == 1,
      tandem_SSL_CTX_set_max_proto_version(pointer, TLS1_3_VERSION) == 1
    else { throw libraryError() }
    // A held-back write is tried again from wherever its bytes then lie; buffers of
    // idle connections go back to the allocator; and what is shown is what the chain
    // file holds: sending the authority too would cost every handshake its bytes.
    tandem_SSL_CTX_set_mode(
      pointer,
      Int(SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER) | Int(SSL_MODE_RELEASE_BUFFERS)
        | Int(SSL_MODE_NO_AUTO_CHAIN))
    // Session resumption and early data will be switched on here; until then every
    // connection is a full handshake.
    tandem_SSL_CTX_disable_session_cache(pointer)
    guard SSL_CTX_set_num_tickets(pointer, 0) == 1 else { throw libraryError() }
    // What a peer's certificates may cost: 16 KiB, and a chain of four.
    tandem_SSL_CTX_set_max_cert_list(pointer, 16 << 10)
    SSL_CTX_set_verify_depth(pointer, 4)
    switch role {
    case .client:
      // Returns 0 for success, unlike its neighbours.
      guard
        SSL_CTX_set_alpn_protos(
          pointer, applicationProtocols, UInt32(applicationProtocols.count)) == 0
      else { throw libraryError() }
    case .server:
      SSL_CTX_set_alpn_select_cb(pointer, selectApplicationProtocol, nil)
    }
  }

  private static func loadOwnCertificate(
    _ pointer: OpaquePointer, _ options: TLSOptions, _ allowingExpired: Bool
  ) throws -> PeerIdentity? {
    guard let chainPath = options.certificateChainPath, let keyPath = options.privateKeyPath
    else { return nil }
    try PEMFile.checkReadable(chainPath, holding: "a certificate chain")
    try PEMFile.checkReadable(keyPath, holding: "a private key")
    guard SSL_CTX_use_certificate_chain_file(pointer, chainPath) == 1 else {
      throw PEMFile.unusable(chainPath, holding: "a certificate chain")
    }
    guard let certificate = SSL_CTX_get0_certificate(pointer) else { throw libraryError() }
    if !allowingExpired { try checkValidity(of: certificate, at: chainPath) }
    let key = try PEMFile.privateKey(keyPath)
    defer { EVP_PKEY_free(key) }
    guard X509_check_private_key(certificate, key) == 1, SSL_CTX_use_PrivateKey(pointer, key) == 1
    else {
      ERR_clear_error()
      throw TLSError(
        .keyMismatch,
        "the private key does not belong to \(CertificateReader.name(of: certificate)) in \(chainPath)",
        place: keyPath, remedy: "name the key that was issued with this certificate")
    }
    return CertificateReader.identity(of: certificate)
  }

  private static func checkValidity(of certificate: OpaquePointer, at path: String) throws {
    let name = CertificateReader.name(of: certificate)
    if X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0 {
      throw TLSError(
        .ownCertificateExpired,
        "\(name) expired on \(CertificateReader.text(of: X509_get0_notAfter(certificate)))",
        place: path, remedy: "issue a new one with 'tandem-edge certificates issue'")
    }
    if X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0 {
      throw TLSError(
        .ownCertificateExpired,
        "\(name) is not valid before \(CertificateReader.text(of: X509_get0_notBefore(certificate)))",
        place: path, remedy: "check this machine's clock, or issue a new certificate")
    }
  }

  private static func setVerification(
    _ pointer: OpaquePointer, _ role: Role, _ options: TLSOptions
  ) throws {
    if let roots = options.trustRootsPath {
      try PEMFile.checkReadable(roots, holding: "trusted certificates")
      guard SSL_CTX_load_verify_file(pointer, roots) == 1 else {
        throw PEMFile.unusable(roots, holding: "trusted certificates")
      }
      if role == .server, let names = SSL_load_client_CA_file(roots) {
        // Tells a client with several certificates which one is wanted.
        SSL_CTX_set_client_CA_list(pointer, names)
      }
    } else if role == .client {
      guard SSL_CTX_set_default_verify_paths(pointer) == 1 else { throw libraryError() }
    }
    switch (role, options.verification) {
    case (.client, _):
      SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER, TLSSession.verifyCallback)
    case (.server, .mutual):
      SSL_CTX_set_verify(
        pointer, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, TLSSession.verifyCallback)
    case (.server, .serverOnly):
      SSL_CTX_set_verify(pointer, SSL_VERIFY_NONE, nil)
    }
  }

  private static func libraryError() -> TLSError {
    TLSError(
      .library, "OpenSSL could not set up TLS (\(OpenSSLErrors.drainText()))",
      place: "libssl", remedy: "check the OpenSSL installation and its openssl.cnf")
  }

  /// Picks `h2` out of what the client offers, or ends the handshake with the alert
  /// no_application_protocol (RFC 7301, section 3.2).
  private static let selectApplicationProtocol:
    @convention(c) (
      OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?,
      UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
    ) -> Int32 = { _, selected, selectedLength, offered, offeredLength, _ in
      guard let selected, let selectedLength, let offered else {
        return SSL_TLSEXT_ERR_ALERT_FATAL
      }
      let all = UnsafeBufferPointer(start: offered, count: Int(offeredLength))
      var index = 0
      while index < all.count {
        let length = Int(all[index])
        let name = index + 1
        guard name + length <= all.count else { break }
        if all[name..<name + length].elementsEqual("h2".utf8) {
          // Points into the client's own list, which OpenSSL keeps until it has copied.
          selected.pointee = offered + name
          selectedLength.pointee = UInt8(length)
          return SSL_TLSEXT_ERR_OK
        }
        index = name + length
      }
      return SSL_TLSEXT_ERR_ALERT_FATAL
    }
}
