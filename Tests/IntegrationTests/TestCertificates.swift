import Foundation
import SecureTransport

/// Real certificates for the tests, issued once into a folder of their own.
struct TestCertificates: Sendable {
  let folder: String
  let authority: CertificateAuthority
  let edge: IssuedCertificate
  let device: IssuedCertificate
  /// Expired yesterday.
  let expiredEdge: IssuedCertificate
  let expiredDevice: IssuedCertificate
  /// Another authority, which our ends do not trust, and a device of it.
  let strangeAuthority: CertificateAuthority
  let strangeDevice: IssuedCertificate

  static let shared = Result { try TestCertificates() }

  private init() throws {
    folder = NSTemporaryDirectory() + "tandem-integration-" + UUID().uuidString
    authority = try CertificateAuthority.create(inFolder: folder + "/ours")
    strangeAuthority = try CertificateAuthority.create(inFolder: folder + "/strange")
    let lastWeek = Date(timeIntervalSinceNow: -7 * 86_400)
    let issued = folder + "/issued"
    func server(_ name: String, from: Date? = nil, days: Int = 30) -> CertificateRequest {
      CertificateRequest(
        use: .server, commonName: name, dnsNames: ["localhost"], addresses: ["127.0.0.1"],
        validFrom: from, days: days)
    }
    func device(_ name: String, from: Date? = nil, days: Int = 30) -> CertificateRequest {
      CertificateRequest(use: .device, commonName: name, validFrom: from, days: days)
    }
    edge = try authority.issue(server("edge"), intoFolder: issued)
    self.device = try authority.issue(device("kitchen"), intoFolder: issued)
    expiredEdge = try authority.issue(
      server("old-edge", from: lastWeek, days: 6), intoFolder: issued)
    expiredDevice = try authority.issue(
      device("old-kitchen", from: lastWeek, days: 6), intoFolder: issued)
    strangeDevice = try strangeAuthority.issue(device("stranger"), intoFolder: issued)
  }

  func edgeOptions(_ certificate: IssuedCertificate? = nil) -> TLSOptions {
    let own = certificate ?? edge
    return TLSOptions(
      certificateChainPath: own.certificatePath, privateKeyPath: own.privateKeyPath,
      trustRootsPath: authority.certificatePath)
  }

  func deviceOptions(
    _ certificate: IssuedCertificate? = nil, trusting roots: CertificateAuthority? = nil
  ) -> TLSOptions {
    let own = certificate ?? device
    return TLSOptions(
      certificateChainPath: own.certificatePath, privateKeyPath: own.privateKeyPath,
      trustRootsPath: (roots ?? authority).certificatePath)
  }

  /// A device that shows no certificate.
  var anonymousOptions: TLSOptions {
    TLSOptions(trustRootsPath: authority.certificatePath, verification: .serverOnly)
  }
}
