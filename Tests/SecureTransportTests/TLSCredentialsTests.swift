import Foundation
import Synchronization
import Testing

@testable import SecureTransport

/// Certificates that are renewed, damaged and about to end while a program runs.
@Suite("TLS credentials")
struct TLSCredentialsTests {
  private let certificates = TestCertificates.shared
  private let folder: String
  private let said = Said()

  private final class Said: Sendable {
    private let sentences = Mutex<[String]>([])
    func add(_ sentence: String) { sentences.withLock { $0.append(sentence) } }
    var all: [String] { sentences.withLock { $0 } }
  }

  init() throws {
    folder = certificates.folder + "/renewed-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private var options: TLSOptions {
    TLSOptions(
      certificateChainPath: folder + "/own.pem", privateKeyPath: folder + "/own.key",
      trustRootsPath: certificates.authority.certificatePath)
  }

  private func install(_ issued: IssuedCertificate) throws {
    for (from, to) in [
      (issued.certificatePath, folder + "/own.pem"), (issued.privateKeyPath, folder + "/own.key"),
    ] {
      try? FileManager.default.removeItem(atPath: to)
      try FileManager.default.copyItem(atPath: from, toPath: to)
    }
  }

  private func credentials(_ role: TLSContext.Role) -> TLSCredentials {
    TLSCredentials(role, options) { [said] in said.add($0) }
  }

  @Test("What is missing at first is found when it comes, and renewed when it changes")
  func renewal() throws {
    let credentials = credentials(.client)
    #expect(throws: TLSError.self) { try credentials.context() }
    try install(certificates.expiredDevice)
    let error = #expect(throws: TLSError.self) { try credentials.context() }
    #expect(error?.kind == .ownCertificateExpired)
    try install(certificates.device)
    let first = try credentials.context()
    #expect(first.ownIdentity == certificates.device.identity)
    #expect(try credentials.context() === first, "read again without need")
    let renewed = try certificates.authority.issue(
      CertificateRequest(use: .device, commonName: "device 1", days: 90),
      intoFolder: folder + "/next")
    try install(renewed)
    let second = try credentials.context()
    #expect(second.ownIdentity == renewed.identity)
    #expect(said.all.contains { $0.contains("read again") }, "\(said.all)")
  }

  @Test("New files that cannot be used replace nothing, and that is said once")
  func damagedRenewal() throws {
    try install(certificates.server)
    let credentials = credentials(.server)
    let first = try credentials.context()
    try Data("half a certif".utf8).write(to: URL(fileURLWithPath: folder + "/own.pem"))
    for _ in 0..<3 { #expect(try credentials.context() === first) }
    #expect(said.all.filter { $0.contains("stays in force") }.count == 1, "\(said.all)")
    // The key first, the certificate later: in between they do not belong together.
    let next = try certificates.authority.issue(
      CertificateRequest(use: .server, commonName: "edge", dnsNames: ["localhost"], days: 60),
      intoFolder: folder + "/next")
    try Data(contentsOf: URL(fileURLWithPath: next.privateKeyPath))
      .write(to: URL(fileURLWithPath: folder + "/own.key"))
    #expect(try credentials.context() === first)
    try Data(contentsOf: URL(fileURLWithPath: next.certificatePath))
      .write(to: URL(fileURLWithPath: folder + "/own.pem"))
    #expect(try credentials.context().ownIdentity == next.identity)
  }

  @Test("The owner is warned from thirty days before the end, once a day")
  func warning() throws {
    // The test's certificates hold for thirty days.
    let long = try certificates.authority.issue(
      CertificateRequest(use: .device, commonName: "long", days: 40), intoFolder: folder + "/long")
    try install(long)
    let credentials = credentials(.client)
    _ = try credentials.context()
    #expect(said.all.isEmpty, "\(said.all)")
    let now = Date()
    _ = try credentials.context(at: now.addingTimeInterval(11 * 86_400))
    #expect(said.all.count == 1)
    #expect(said.all.first?.contains("ends in 28 days") == true, "\(said.all)")
    #expect(said.all.first?.contains("CN=long") == true, "\(said.all)")
    _ = try credentials.context(at: now.addingTimeInterval(11 * 86_400 + 3_600))
    #expect(said.all.count == 1)
    _ = try credentials.context(at: now.addingTimeInterval(12 * 86_400 + 7_200))
    #expect(said.all.count == 2)
  }

  @Test("A running edge shows renewed certificates to new connections")
  func edge() async throws {
    try install(certificates.server)
    let credentials = credentials(.server)
    _ = try credentials.context()
    try await EchoServer.run(credentials: credentials) { server, _ in
      try await EchoServer.withClient(port: server.port) { tandem, client in
        _ = try await tandem.describe(.init())
        #expect(client.peer == certificates.server.identity)
      }
      let next = try certificates.authority.issue(
        CertificateRequest(
          use: .server, commonName: "edge", dnsNames: ["localhost"], addresses: ["127.0.0.1"],
          days: 60), intoFolder: folder + "/next")
      try install(next)
      try await EchoServer.withClient(port: server.port) { tandem, client in
        _ = try await tandem.describe(.init())
        #expect(client.peer == next.identity)
      }
    }
  }
}

@Suite("Certificates that nobody can use")
struct CertificateFaultTests {
  private let certificates = TestCertificates.shared

  private func problem(_ request: CertificateRequest, into folder: String) -> TLSError? {
    do {
      _ = try certificates.authority.issue(request, intoFolder: folder)
      return nil
    } catch { return error as? TLSError }
  }

  @Test("An address among DNS names never matches, and is refused")
  func addressAsName() {
    for name in ["192.168.1.5", "::1", "2001:db8::1"] {
      let found = problem(
        CertificateRequest(use: .server, commonName: "edge", dnsNames: [name]), into: "/tmp/nowhere"
      )
      #expect(found?.kind == .options)
      #expect(found?.remedy.contains("--address") == true)
    }
  }

  @Test(
    "Dates beyond a century are refused, whatever their size",
    arguments: [1e18, -1e18, 4e9, -4e9, .greatestFiniteMagnitude])
  func dates(seconds: Double) {
    let found = problem(
      CertificateRequest(
        use: .device, commonName: "d", validFrom: Date(timeIntervalSinceNow: seconds), days: 1),
      into: "/tmp/nowhere")
    #expect(found?.kind == .options)
  }

  @Test("The empty folder is not the root")
  func emptyFolder() {
    #expect(problem(CertificateRequest(use: .device, commonName: "d"), into: "")?.kind == .options)
    #expect(throws: TLSError.self) { try CertificateAuthority.create(inFolder: "") }
    #expect(!FileManager.default.fileExists(atPath: "/ca.key"))
  }
}
