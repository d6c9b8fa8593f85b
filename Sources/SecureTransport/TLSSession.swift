import COpenSSL
import NIOCore

/// One TLS connection as a machine that turns bytes into bytes, without sockets or
/// clocks: ciphertext goes in with ``receive(_:)`` and comes out with
/// ``takeOutput(into:)``, both through OpenSSL's memory BIOs.
///
/// Not Sendable: one event loop, or one test, owns it.
final class TLSSession {
  enum HandshakeResult {
    case done
    case needsBytes
    case failed(TLSError)
  }

  enum ReadResult {
    case bytes
    case needsBytes
    /// The peer sent close_notify: no more bytes will come, and none were cut off.
    case closed
    case failed(TLSError)
  }

  enum WriteResult {
    case written
    /// OpenSSL must hear from the peer first; call again with the same bytes.
    case needsBytes
    case failed(TLSError)
  }

  /// The most plaintext in one TLS record (RFC 8446, section 5.1).
  static let recordBytes = 1 << 14

  private let context: TLSContext
  private let pointer: OpaquePointer
  private let input: OpaquePointer
  private let output: OpaquePointer
  /// The peer, for errors: an address, or a name and port.
  private let place: String
  /// The name that the server's certificate must carry; for errors.
  private let expectedName: String?
  /// What the certificate check found first; OpenSSL's own queue says less.
  private var verificationFailure: VerificationFailure?

  private struct VerificationFailure {
    var code: Int32
    /// The certificate that failed, and the peer's own, at the chain's other end.
    var certificate: String
    var leaf: String
    var notBefore: String
    var notAfter: String
    var issuer: String
  }

  /// - Parameters:
  ///   - serverName: For clients: the DNS name or IP address to insist on.
  ///   - place: The peer, for error messages.
  init(context: TLSContext, serverName: String?, place: String) throws {
    guard let pointer = SSL_new(context.pointer) else {
      throw TLSError(
        .library, "OpenSSL could not start a connection (\(OpenSSLErrors.drainText()))",
        place: place, remedy: "check this machine's memory")
    }
    guard let input = BIO_new(BIO_s_mem()), let output = BIO_new(BIO_s_mem()) else {
      SSL_free(pointer)
      throw TLSError(
        .library, "OpenSSL could not start a connection (\(OpenSSLErrors.drainText()))",
        place: place, remedy: "check this machine's memory")
    }
    tandem_BIO_set_empty_means_retry(input)
    tandem_BIO_set_empty_means_retry(output)
    // The connection owns both BIOs from here on.
    SSL_set_bio(pointer, input, output)
    self.context = context
    self.pointer = pointer
    self.input = input
    self.output = output
    self.place = place
    self.expectedName = serverName
    SSL_set_ex_data(pointer, Self.exDataIndex, Unmanaged.passUnretained(self).toOpaque())
    switch context.role {
    case .server: SSL_set_accept_state(pointer)
    case .client:
      SSL_set_connect_state(pointer)
      try insist(on: serverName)
    }
  }

  deinit { SSL_free(pointer) }

  private func insist(on serverName: String?) throws {
    guard let serverName, !serverName.isEmpty else {
      throw TLSError(
        .options, "a client must know which name the server's certificate should carry",
        place: place, remedy: "give a host or a serverName")
    }
    let accepted: Bool
    if InternetAddress.bytes(of: serverName) != nil {
      // No server name indication for addresses (RFC 6066, section 3).
      accepted = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(pointer), serverName) == 1
    } else {
      SSL_set_hostflags(pointer, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
      accepted =
        SSL_set1_host(pointer, serverName) == 1
        && tandem_SSL_set_server_name(pointer, serverName) == 1
    }
    guard accepted else {
      ERR_clear_error()
      throw TLSError(
        .options, "'\(serverName)' is no server name that TLS can carry",
        place: place, remedy: "give a DNS name or an IP address")
    }
  }

  // MARK: Bytes

  /// Takes ciphertext from the peer. The caller bounds its size: OpenSSL keeps it
  /// until the handshake or a read consumes it.
  func receive(_ bytes: UnsafeRawBufferPointer) {
    var rest = bytes
    while let base = rest.baseAddress, !rest.isEmpty {
      let count = BIO_write(input, base, Int32(clamping: rest.count))
      // A memory BIO refuses only for want of memory, and Swift would have stopped first.
      precondition(count > 0, "OpenSSL's memory BIO refused bytes")
      rest = UnsafeRawBufferPointer(rebasing: rest[Int(count)...])
    }
  }

  /// Moves the ciphertext that waits for the peer to the end of `buffer`.
  func takeOutput(into buffer: inout ByteBuffer) {
    let waiting = tandem_BIO_pending(output)
    guard waiting > 0 else { return }
    buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: waiting) { target in
      max(0, Int(BIO_read(output, target.baseAddress, Int32(clamping: waiting))))
    }
  }

  /// Ciphertext received and not consumed: at most an unfinished record, and the rest
  /// of what was received last.
  var bufferedInputBytes: Int { tandem_BIO_pending(input) }

  // MARK: The connection's life

  func handshake() -> HandshakeResult {
    ERR_clear_error()
    let result = SSL_do_handshake(pointer)
    if result == 1 { return .done }
    switch SSL_get_error(pointer, result) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .needsBytes
    case SSL_ERROR_ZERO_RETURN:
      return .failed(
        TLSError(
          .truncated, "the peer closed the connection during the handshake", place: place,
          remedy: "look into the peer's log for its reason"))
    default: return .failed(failure())
    }
  }

  /// Decrypts at most one record to the end of `buffer`.
  func read(into buffer: inout ByteBuffer) -> ReadResult {
    ERR_clear_error()
    var result: Int32 = 0
    buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.recordBytes) { target in
      result = SSL_read(pointer, target.baseAddress, Int32(Self.recordBytes))
      return max(0, Int(result))
    }
    if result > 0 { return .bytes }
    switch SSL_get_error(pointer, result) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .needsBytes
    case SSL_ERROR_ZERO_RETURN: return .closed
    default: return .failed(failure())
    }
  }

  /// Encrypts all of `bytes`: at most one record's worth, and not empty.
  func write(_ bytes: UnsafeRawBufferPointer) -> WriteResult {
    precondition(!bytes.isEmpty && bytes.count <= Self.recordBytes)
    ERR_clear_error()
    let result = SSL_write(pointer, bytes.baseAddress, Int32(bytes.count))
    if result > 0 { return .written }
    switch SSL_get_error(pointer, result) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .needsBytes
    default: return .failed(failure())
    }
  }

  /// Queues close_notify: no more bytes will come from this end.
  /// Must not be called before the handshake is done, or after a failure.
  func sendCloseNotify() {
    ERR_clear_error()
    // 0: sent, the peer's own has not come yet; 1: both. Neither is an error, and
    // with a memory BIO nothing else happens after a finished handshake.
    _ = SSL_shutdown(pointer)
    ERR_clear_error()
  }

  // MARK: What the handshake found

  /// The protocol agreed on by ALPN, or nil.
  var applicationProtocol: String? {
    var name: UnsafePointer<UInt8>?
    var length: UInt32 = 0
    SSL_get0_alpn_selected(pointer, &name, &length)
    guard let name, length > 0 else { return nil }
    return String(decoding: UnsafeBufferPointer(start: name, count: Int(length)), as: UTF8.self)
  }

  /// Who the peer proved to be; nil if it showed no certificate.
  var peerIdentity: PeerIdentity? {
    guard let certificate = SSL_get1_peer_certificate(pointer) else { return nil }
    defer { X509_free(certificate) }
    return CertificateReader.identity(of: certificate)
  }

  // MARK: Failures

  private static let exDataIndex = tandem_SSL_new_index()

  /// Notes which certificate failed and why, and lets OpenSSL's verdict stand.
  static let verifyCallback: @convention(c) (Int32, OpaquePointer?) -> Int32 = { ok, store in
    guard ok == 0, let store,
      let ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
      let raw = SSL_get_ex_data(OpaquePointer(ssl), exDataIndex)
    else { return ok }
    let session = Unmanaged<TLSSession>.fromOpaque(raw).takeUnretainedValue()
    session.noteVerificationFailure(store)
    return ok
  }

  private func noteVerificationFailure(_ store: OpaquePointer) {
    guard verificationFailure == nil else { return }
    let certificate = X509_STORE_CTX_get_current_cert(store)
    verificationFailure = VerificationFailure(
      code: X509_STORE_CTX_get_error(store),
      certificate: certificate.map { CertificateReader.name(of: $0) } ?? "the peer's certificate",
      leaf: X509_STORE_CTX_get0_cert(store).map { CertificateReader.name(of: $0) }
        ?? "a missing certificate",
      notBefore: CertificateReader.text(of: certificate.flatMap { X509_get0_notBefore($0) }),
      notAfter: CertificateReader.text(of: certificate.flatMap { X509_get0_notAfter($0) }),
      issuer: certificate.map { CertificateReader.issuerName(of: $0) } ?? "an unknown issuer")
  }

  /// The error for a call that OpenSSL failed.
  private func failure() -> TLSError {
    let entries = OpenSSLErrors.drain()
    let reasons = entries.filter { $0.library == Int32(ERR_LIB_SSL) }.map(\.reason)
    if let found = verificationFailure, reasons.contains(SSL_R_CERTIFICATE_VERIFY_FAILED) {
      return verificationError(found)
    }
    let text = entries.map(\.text).joined(separator: ", ")
    for reason in reasons {
      if let error = TLSFailureTable.error(
        reason: reason, text: text, place: place, role: context.role)
      {
        return error
      }
    }
    return TLSError(
      .protocolViolation,
      "the TLS stream is broken (\(text.isEmpty ? "no reason given" : text))", place: place,
      remedy: "look for a middlebox or a peer that speaks another protocol")
  }

  private func verificationError(_ found: VerificationFailure) -> TLSError {
    let why = String(cString: X509_verify_cert_error_string(Int(found.code)))
    switch found.code {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return TLSError(
        .peerCertificateExpired,
        "the peer's certificate \(found.certificate) expired on \(found.notAfter)",
        place: place, remedy: "issue the peer a new one, or check this machine's clock")
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return TLSError(
        .peerCertificateExpired,
        "the peer's certificate \(found.certificate) is not valid before \(found.notBefore)",
        place: place, remedy: "check both machines' clocks")
    case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
      return TLSError(
        .hostnameMismatch,
        "the server's certificate \(found.certificate) is not for '\(expectedName ?? "")'",
        place: place,
        remedy: "connect by a name that it carries, set the server name, or issue one for this name"
      )
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
      X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
      X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_UNTRUSTED,
      X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return TLSError(
        .unknownAuthority,
        "the peer's certificate \(found.leaf) leads to \(found.issuer), which is not trusted here (\(why))",
        place: place,
        remedy: "use certificates of one authority at both ends, or trust the peer's ca.pem")
    default:
      return TLSError(
        .badPeerCertificate,
        "the peer's certificate \(found.certificate) is not acceptable: \(why)",
        place: place, remedy: "issue the peer a certificate for this use")
    }
  }
}
