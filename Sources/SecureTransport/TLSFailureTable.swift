import COpenSSL

/// What OpenSSL's reasons mean to people: alerts that the peer sent (RFC 8446,
/// section 6.2; OpenSSL numbers a received alert 1000 + its code) and faults found here.
enum TLSFailureTable {
  static func error(
    reason: Int32, text: String, place: String, role: TLSContext.Role
  ) -> TLSError? {
    let own = role == .server ? "the server's" : "this device's"
    switch reason {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return TLSError(
        .missingClientCertificate, "the client showed no certificate", place: place,
        remedy: "issue the device one with 'tandem-edge certificates issue' and configure it there")
    case 1116:  // certificate_required
      return TLSError(
        .missingClientCertificate, "the server insists on a client certificate", place: place,
        remedy: "configure this device's certificate chain and private key")
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return TLSError(
        .certificateRefused, "the peer refused \(own) certificate because it has expired",
        place: place, remedy: "issue a new one, or check the peer's clock")
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return TLSError(
        .certificateRefused,
        "the peer refused \(own) certificate because it does not trust the authority that signed it",
        place: place, remedy: "use certificates of one authority at both ends")
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED,
      SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
      SSL_R_TLSV1_ALERT_ACCESS_DENIED:
      return TLSError(
        .certificateRefused, "the peer refused \(own) certificate (\(text))", place: place,
        remedy: "check its name, use and authority against what the peer expects")
    case SSL_R_NO_APPLICATION_PROTOCOL, 1120:  // no_application_protocol
      return noApplicationProtocol(place: place)
    case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION,
      SSL_R_NO_SHARED_CIPHER, SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
      SSL_R_NO_PROTOCOLS_AVAILABLE, SSL_R_WRONG_SSL_VERSION:
      return TLSError(
        .version, "the peer does not speak TLS 1.3 in a way known here (\(text))", place: place,
        remedy: "upgrade the peer, or whatever ends TLS before it")
    case SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST,
      SSL_R_PACKET_LENGTH_TOO_LONG, SSL_R_RECORD_TOO_SMALL, SSL_R_BAD_RECORD_TYPE:
      return TLSError(
        .notTLS, "what the peer sent is not TLS (\(text))", place: place,
        remedy: "check the port, and that the peer was told to use TLS")
    default:
      return nil
    }
  }

  static func noApplicationProtocol(place: String) -> TLSError {
    TLSError(
      .applicationProtocol, "the two ends did not agree on HTTP/2 (ALPN 'h2')", place: place,
      remedy: "check the port: a Tandem edge and its devices speak gRPC over HTTP/2")
  }
}
