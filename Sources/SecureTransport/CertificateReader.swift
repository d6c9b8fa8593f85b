import COpenSSL
import Foundation

/// Reads what Tandem needs out of an OpenSSL certificate.
enum CertificateReader {
  static func identity(of certificate: OpaquePointer) -> PeerIdentity {
    var identity = PeerIdentity(
      commonName: commonName(of: certificate), dnsNames: [], addresses: [],
      fingerprint: fingerprint(of: certificate))
    guard
      let extensionData = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil)
    else { return identity }
    let names = OpaquePointer(extensionData)
    defer { GENERAL_NAMES_free(names) }
    for index in 0..<tandem_general_name_count(names) {
      guard let name = tandem_general_name(names, index),
        let string = tandem_general_name_string(name)
      else { continue }
      let bytes = [UInt8](
        UnsafeBufferPointer(
          start: ASN1_STRING_get0_data(string), count: Int(ASN1_STRING_length(string))))
      if tandem_general_name_is_dns(name) != 0 {
        identity.dnsNames.append(String(decoding: bytes, as: UTF8.self))
      } else if let address = InternetAddress.text(of: bytes) {
        identity.addresses.append(address)
      }
    }
    return identity
  }

  static func commonName(of certificate: OpaquePointer) -> String {
    X509_get_subject_name(certificate).map { commonName(in: $0) } ?? ""
  }

  /// The first common name in a distinguished name; empty if there is none.
  private static func commonName(in subject: OpaquePointer) -> String {
    let index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
    guard index >= 0, let entry = X509_NAME_get_entry(subject, index),
      let data = X509_NAME_ENTRY_get_data(entry)
    else { return "" }
    var utf8: UnsafeMutablePointer<UInt8>?
    let length = ASN1_STRING_to_UTF8(&utf8, data)
    guard length >= 0, let utf8 else { return "" }
    defer { CRYPTO_free(utf8, #file, #line) }
    return String(
      decoding: UnsafeBufferPointer(start: utf8, count: Int(length)), as: UTF8.self)
  }

  /// "CN=edge", or "a certificate without a name".
  static func name(of certificate: OpaquePointer) -> String {
    let name = commonName(of: certificate)
    return name.isEmpty ? "a certificate without a common name" : "CN=\(name)"
  }

  /// Who signed it, in the same form.
  static func issuerName(of certificate: OpaquePointer) -> String {
    let name = X509_get_issuer_name(certificate).map { commonName(in: $0) } ?? ""
    return name.isEmpty ? "an authority without a common name" : "CN=\(name)"
  }

  /// SHA-256 over the DER bytes, in lower-case hexadecimal.
  static func fingerprint(of certificate: OpaquePointer) -> String {
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length: UInt32 = 0
    guard X509_digest(certificate, EVP_sha256(), &digest, &length) == 1 else {
      ERR_clear_error()
      return ""
    }
    let digits = Array("0123456789abcdef")
    return String(
      digest.prefix(Int(length)).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }

  /// A certificate's time; nil if it cannot be read.
  static func date(of time: UnsafePointer<ASN1_TIME>?) -> Date? {
    var days: Int32 = 0
    var seconds: Int32 = 0
    // From now, which is what OpenSSL takes nil for.
    guard let time, ASN1_TIME_diff(&days, &seconds, nil, time) == 1 else { return nil }
    return Date(timeIntervalSinceNow: Double(days) * 86_400 + Double(seconds))
  }

  /// "Nov 21 15:57:27 2026 GMT", as OpenSSL prints it.
  static func text(of time: UnsafePointer<ASN1_TIME>?) -> String {
    guard let time, let bio = BIO_new(BIO_s_mem()) else { return "an unreadable time" }
    defer { BIO_free(bio) }
    guard ASN1_TIME_print(bio, time) == 1 else { return "an unreadable time" }
    var bytes: UnsafePointer<CChar>?
    let count = tandem_BIO_contents(bio, &bytes)
    guard let bytes, count > 0 else { return "an unreadable time" }
    return bytes.withMemoryRebound(to: UInt8.self, capacity: count) {
      String(decoding: UnsafeBufferPointer(start: $0, count: count), as: UTF8.self)
    }
  }
}
