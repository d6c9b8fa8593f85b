import Foundation
import Testing

@testable import SecureTransport

@Suite("Certificate authority")
struct CertificateAuthorityTests {
  private let folder = NSTemporaryDirectory() + "tandem-authority-\(UUID().uuidString)/deep"

  private func permissions(_ path: String) throws -> Int {
    try #require(
      FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
  }

  private func error(_ work: () throws -> Void) -> TLSError? {
    do {
      try work()
      return nil
    } catch {
      return error as? TLSError
    }
  }

  @Test("keys are their owner's alone, and OpenSSL's own tool agrees with the certificates")
  func files() throws {
    let authority = try CertificateAuthority.create(inFolder: folder)
    let issued = try authority.issue(
      CertificateRequest(
        use: .server, commonName: "edge one", dnsNames: ["edge.test", "*.edge.test"],
        addresses: ["192.0.2.1", "2001:db8::1"], days: 10),
      intoFolder: folder)
    #expect(issued.certificatePath == folder + "/edge-one.pem")
    #expect(try permissions(authority.privateKeyPath) == 0o600)
    #expect(try permissions(issued.privateKeyPath) == 0o600)
    #expect(issued.identity.dnsNames == ["edge.test", "*.edge.test"])
    #expect(issued.identity.addresses == ["192.0.2.1", "2001:db8::1"])
    #expect(abs(issued.validUntil.timeIntervalSince(issued.validFrom) - 864_000) < 1)

    guard let tool = CommandLineTool() else { return }
    let verified = try tool.run([
      "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", authority.certificatePath,
      issued.certificatePath,
    ])
    #expect(verified.status == 0, "\(verified.output)")
    let asClient = try tool.run([
      "verify", "-purpose", "sslclient", "-CAfile", authority.certificatePath,
      issued.certificatePath,
    ])
    #expect(asClient.status != 0, "a server's certificate must not make a device")
    let fingerprint = try tool.run([
      "x509", "-in", issued.certificatePath, "-noout", "-fingerprint", "-sha256",
    ])
    #expect(
      fingerprint.output.replacing(":", with: "").lowercased().contains(
        issued.identity.fingerprint))
    let key = try tool.run(["pkey", "-in", issued.privateKeyPath, "-noout", "-text"])
    #expect(key.output.contains("prime256v1"))
  }

  @Test("the authority holds for ten years, and its key signs no further authority")
  func authority() throws {
    let authority = try CertificateAuthority.create(inFolder: folder)
    guard let tool = CommandLineTool() else { return }
    let text = try tool.run(["x509", "-in", authority.certificatePath, "-noout", "-text"]).output
    #expect(text.contains("CA:TRUE, pathlen:0"))
    let inTenYears = String(3650 * 86400 - 86400)
    let check = try tool.run([
      "x509", "-in", authority.certificatePath, "-noout", "-checkend", inTenYears,
    ])
    #expect(check.status == 0)
  }

  @Test("nothing is replaced unless asked for, and everything if asked")
  func overwriting() throws {
    let authority = try CertificateAuthority.create(inFolder: folder)
    let before = try Data(contentsOf: URL(fileURLWithPath: authority.privateKeyPath))
    let refused = error { _ = try CertificateAuthority.create(inFolder: folder) }
    #expect(refused?.kind == .file)
    #expect(refused?.place == authority.certificatePath)
    #expect(try Data(contentsOf: URL(fileURLWithPath: authority.privateKeyPath)) == before)

    let request = CertificateRequest(use: .device, commonName: "device")
    let issued = try authority.issue(request, intoFolder: folder)
    #expect(error { _ = try authority.issue(request, intoFolder: folder) }?.kind == .file)
    let again = try authority.issue(request, intoFolder: folder, overwrite: true)
    #expect(again.identity.fingerprint != issued.identity.fingerprint)
    #expect(try permissions(again.privateKeyPath) == 0o600)
    _ = try CertificateAuthority.create(inFolder: folder, overwrite: true)
    #expect(try Data(contentsOf: URL(fileURLWithPath: authority.privateKeyPath)) != before)
    let left = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    #expect(left == ["ca.key", "ca.pem", "device.key", "device.pem"])
  }

  @Test(
    "a name that cannot stand in a certificate is refused",
    arguments: [
      CertificateRequest(use: .device, commonName: ""),
      CertificateRequest(use: .device, commonName: "../escape"),
      CertificateRequest(use: .device, commonName: "..."),
      CertificateRequest(use: .device, commonName: "line\nbreak"),
      CertificateRequest(use: .device, commonName: String(repeating: "a", count: 65)),
      CertificateRequest(use: .server, commonName: "edge", dnsNames: ["a,IP:192.0.2.1"]),
      CertificateRequest(use: .server, commonName: "edge", dnsNames: ["-a.test"]),
      CertificateRequest(use: .server, commonName: "edge", dnsNames: [""]),
      CertificateRequest(use: .server, commonName: "edge", addresses: ["192.0.2"]),
      CertificateRequest(use: .server, commonName: "edge", days: 0),
      CertificateRequest(use: .server, commonName: "edge", days: 40_000),
    ])
  func refusedRequests(request: CertificateRequest) throws {
    let authority = try CertificateAuthority.create(inFolder: folder)
    #expect(error { _ = try authority.issue(request, intoFolder: folder) }?.kind == .options)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 2)
  }

  @Test("an authority's own files cannot be issued over")
  func ownFiles() throws {
    let authority = try CertificateAuthority.create(inFolder: folder)
    let found = error {
      _ = try authority.issue(
        CertificateRequest(use: .device, commonName: "ca"), intoFolder: folder, overwrite: true)
    }
    #expect(found?.kind == .options)
  }

  @Test("no certificate outlives its authority, and an expired authority issues none")
  func validity() throws {
    let short = try CertificateAuthority.create(inFolder: folder, days: 5)
    let request = CertificateRequest(use: .device, commonName: "device", days: 10)
    #expect(error { _ = try short.issue(request, intoFolder: folder) }?.kind == .options)

    let lastWeek = Date().addingTimeInterval(-7 * 86400)
    let expired = try CertificateAuthority.create(
      inFolder: folder + "/expired", validFrom: lastWeek, days: 3)
    #expect(
      error { _ = try expired.issue(request, intoFolder: folder) }?.kind == .ownCertificateExpired)
  }

  @Test("a missing authority, and one whose files do not belong together, are named")
  func broken() throws {
    let request = CertificateRequest(use: .device, commonName: "device")
    let missing = error {
      _ = try CertificateAuthority(folder: "/nowhere").issue(request, intoFolder: folder)
    }
    #expect(missing?.place == "/nowhere/ca.pem")

    let authority = try CertificateAuthority.create(inFolder: folder)
    let other = try CertificateAuthority.create(inFolder: folder + "/other")
    try FileManager.default.removeItem(atPath: authority.privateKeyPath)
    try FileManager.default.copyItem(
      atPath: other.privateKeyPath, toPath: authority.privateKeyPath)
    #expect(error { _ = try authority.issue(request, intoFolder: folder) }?.kind == .keyMismatch)
  }
}
