import COpenSSL
import Glibc

/// Reading PEM files (RFC 7468), with errors that name the file.
enum PEMFile {
  /// No PEM file of ours is larger; a wrong path (a recording, a device) is not read.
  static let maximumBytes = 1 << 20

  static func checkReadable(_ path: String, holding content: String) throws {
    var status = stat()
    guard stat(path, &status) == 0, access(path, R_OK) == 0 else {
      throw TLSError(
        .file, "cannot be read: \(String(cString: strerror(errno)))", place: path,
        remedy: "name a readable PEM file with \(content)")
    }
    guard status.st_mode & S_IFMT == S_IFREG, status.st_size <= maximumBytes else {
      throw TLSError(
        .file, "is no regular file of at most \(maximumBytes) bytes", place: path,
        remedy: "name a PEM file with \(content)")
    }
  }

  /// The error for a file that OpenSSL could not use, with its reason.
  static func unusable(_ path: String, holding content: String) -> TLSError {
    TLSError(
      .file, "does not hold \(content) (\(OpenSSLErrors.drainText()))", place: path,
      remedy: "name a PEM file with \(content)")
  }

  /// The caller frees the key.
  static func privateKey(_ path: String) throws -> OpaquePointer {
    guard let file = BIO_new_file(path, "r") else {
      throw unusable(path, holding: "a private key")
    }
    defer { BIO_free(file) }
    // A password callback that has none: OpenSSL would otherwise ask on the terminal.
    let noPassword:
      @convention(c) (
        UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?
      ) -> Int32 = { _, _, _, _ in -1 }
    guard let key = PEM_read_bio_PrivateKey(file, nil, noPassword, nil) else {
      throw unusable(path, holding: "an unencrypted private key")
    }
    return key
  }

  /// The first certificate of the file. The caller frees it.
  static func certificate(_ path: String) throws -> OpaquePointer {
    guard let file = BIO_new_file(path, "r") else {
      throw unusable(path, holding: "a certificate")
    }
    defer { BIO_free(file) }
    guard let certificate = PEM_read_bio_X509(file, nil, nil, nil) else {
      throw unusable(path, holding: "a certificate")
    }
    return certificate
  }

  /// A private key as unencrypted PKCS #8.
  static func text(ofKey key: OpaquePointer) throws -> [UInt8] {
    try text { PEM_write_bio_PKCS8PrivateKey($0, key, nil, nil, 0, nil, nil) }
  }

  static func text(ofCertificate certificate: OpaquePointer) throws -> [UInt8] {
    try text { PEM_write_bio_X509($0, certificate) }
  }

  private static func text(_ write: (OpaquePointer) -> Int32) throws -> [UInt8] {
    guard let bio = BIO_new(BIO_s_mem()) else { throw failed() }
    defer { BIO_free(bio) }
    guard write(bio) == 1 else { throw failed() }
    var bytes: UnsafePointer<CChar>?
    let count = tandem_BIO_contents(bio, &bytes)
    return [UInt8](UnsafeRawBufferPointer(start: bytes, count: count))
  }

  private static func failed() -> TLSError {
    TLSError(
      .library, "OpenSSL could not write PEM (\(OpenSSLErrors.drainText()))", place: "libcrypto",
      remedy: "check the OpenSSL installation and this machine's memory")
  }
}
