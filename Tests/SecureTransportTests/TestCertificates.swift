import Foundation

@testable import SecureTransport

/// Real certificates for the tests, issued once into a folder that goes away with the
/// process's temporary files.
struct TestCertificates: Sendable {
  let folder: String
  let authority: CertificateAuthority
  let server: IssuedCertificate
  let device: IssuedCertificate
  /// Expired yesterday.
  let expiredDevice: IssuedCertificate
  let expiredServer: IssuedCertificate
  /// A second authority that nobody else trusts, and a device of its own.
  let strangeAuthority: CertificateAuthority
  let strangeDevice: IssuedCertificate

  static let shared = make()

  private static func make() -> TestCertificates {
    do {
      let folder = NSTemporaryDirectory() + "tandem-tls-\(UUID().uuidString)"
      let authority = try CertificateAuthority.create(inFolder: folder + "/ours")
      let strange = try CertificateAuthority.create(inFolder: folder + "/strange")
      let lastWeek = Date().addingTimeInterval(-7 * 86400)
      func issue(
        _ authority: CertificateAuthority, _ use: CertificateRequest.Use, _ name: String,
        from: Date? = nil, days: Int = 30
      ) throws -> IssuedCertificate {
        let isServer = use == .server
        return try authority.issue(
          CertificateRequest(
            use: use, commonName: name, dnsNames: isServer ? ["localhost", "edge.test"] : [],
            addresses: isServer ? ["127.0.0.1", "::1"] : [], validFrom: from, days: days),
          intoFolder: folder + "/issued")
      }
      return TestCertificates(
        folder: folder, authority: authority, server: try issue(authority, .server, "edge"),
        device: try issue(authority, .device, "device 1"),
        expiredDevice: try issue(authority, .device, "old device", from: lastWeek, days: 6),
        expiredServer: try issue(authority, .server, "old edge", from: lastWeek, days: 6),
        strangeAuthority: strange, strangeDevice: try issue(strange, .device, "stranger"))
    } catch {
      fatalError("the tests' certificates could not be made: \(error)")
    }
  }

  func serverOptions(_ verification: TLSOptions.Verification = .mutual) -> TLSOptions {
    TLSOptions(
      certificateChainPath: server.certificatePath, privateKeyPath: server.privateKeyPath,
      trustRootsPath: authority.certificatePath, verification: verification)
  }

  func clientOptions(
    _ certificate: IssuedCertificate? = nil, roots: CertificateAuthority? = nil,
    serverName: String? = nil
  ) -> TLSOptions {
    let own = certificate ?? device
    return TLSOptions(
      certificateChainPath: own.certificatePath, privateKeyPath: own.privateKeyPath,
      trustRootsPath: (roots ?? authority).certificatePath, serverName: serverName)
  }

  /// A client that shows no certificate.
  func anonymousOptions() -> TLSOptions {
    TLSOptions(trustRootsPath: authority.certificatePath, verification: .serverOnly)
  }
}
