import Foundation
import Testing

@testable import SecureTransport

/// Everything that can be wrong with the files is named before a socket is opened.
@Suite("TLS context")
struct TLSContextTests {
  private let certificates = TestCertificates.shared

  private func error(_ role: TLSContext.Role, _ options: TLSOptions) -> TLSError? {
    do {
      _ = try TLSContext(role, options)
      return nil
    } catch {
      return error as? TLSError
    }
  }

  @Test("good files load, and say whose they are")
  func good() throws {
    let context = try TLSContext(.server, certificates.serverOptions())
    #expect(context.ownIdentity == certificates.server.identity)
    #expect(try TLSContext(.client, certificates.anonymousOptions()).ownIdentity == nil)
  }

  @Test("a missing file is named")
  func missing() {
    var options = certificates.serverOptions()
    options.privateKeyPath = "/nowhere/edge.key"
    let found = error(.server, options)
    #expect(found?.kind == .file)
    #expect(found?.place == "/nowhere/edge.key")
    options = certificates.serverOptions()
    options.trustRootsPath = "/nowhere/ca.pem"
    #expect(error(.server, options)?.place == "/nowhere/ca.pem")
  }

  @Test("a file without PEM, a folder, and a key in a certificate's place are named")
  func wrongContent() throws {
    let text = certificates.folder + "/text-\(UUID().uuidString)"
    try "not a certificate".write(toFile: text, atomically: true, encoding: .utf8)
    for path in [text, certificates.folder, certificates.server.privateKeyPath] {
      var options = certificates.serverOptions()
      options.certificateChainPath = path
      let found = error(.server, options)
      #expect(found?.kind == .file && found?.place == path, "\(String(describing: found))")
    }
    var options = certificates.serverOptions()
    options.privateKeyPath = certificates.server.certificatePath
    #expect(error(.server, options)?.kind == .file)
  }

  @Test("another certificate's key is named, with both files")
  func keyMismatch() {
    var options = certificates.serverOptions()
    options.privateKeyPath = certificates.device.privateKeyPath
    let found = error(.server, options)
    #expect(found?.kind == .keyMismatch)
    #expect(found?.description.contains(certificates.server.certificatePath) == true)
    #expect(found?.place == certificates.device.privateKeyPath)
  }

  @Test("an expired own certificate is named with its date, one not yet valid too")
  func expired() throws {
    var options = certificates.serverOptions()
    options.certificateChainPath = certificates.expiredServer.certificatePath
    options.privateKeyPath = certificates.expiredServer.privateKeyPath
    let found = error(.server, options)
    #expect(found?.kind == .ownCertificateExpired)
    #expect(found?.description.contains("expired on") == true)
    #expect(found?.place == certificates.expiredServer.certificatePath)

    let future = try certificates.authority.issue(
      CertificateRequest(
        use: .device, commonName: "future", validFrom: Date().addingTimeInterval(86400), days: 1),
      intoFolder: certificates.folder + "/future-\(UUID().uuidString)")
    #expect(
      error(.client, certificates.clientOptions(future))?.problem.contains("not valid before")
        == true)
  }

  @Test("options that leave something out are refused")
  func incomplete() {
    #expect(error(.server, TLSOptions(verification: .serverOnly))?.kind == .options)
    #expect(error(.client, TLSOptions())?.kind == .options)
    var options = certificates.serverOptions()
    options.trustRootsPath = nil
    #expect(error(.server, options)?.kind == .options)
    options = certificates.serverOptions()
    options.privateKeyPath = nil
    #expect(error(.server, options)?.kind == .options)
  }

  @Test("every error names its place and a remedy")
  func description() {
    let text = TLSError(.file, "the problem", place: "the place", remedy: "the remedy").description
    #expect(text == "the place: the problem; the remedy")
  }
}
