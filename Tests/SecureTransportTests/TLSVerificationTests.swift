import NIOCore
import Testing

@testable import SecureTransport

/// Who is let in, who is not, and whether both ends learn the reason.
@Suite("TLS verification")
struct TLSVerificationTests {
  private let certificates = TestCertificates.shared

  private func connect(
    server: TLSOptions? = nil, client: TLSOptions? = nil, serverName: String = "edge.test"
  ) throws -> Link {
    let link = try Link(server: server, client: client, serverName: serverName)
    try link.connect()
    return link
  }

  @Test("a device of another authority is refused, and hears it")
  func strangeDevice() throws {
    var options = certificates.clientOptions(certificates.strangeDevice)
    options.trustRootsPath = certificates.authority.certificatePath
    let link = try connect(client: options)
    #expect(link.server.error?.kind == .unknownAuthority)
    #expect(link.server.error?.description.contains("CN=stranger") == true)
    #expect(link.client.error?.kind == .certificateRefused)
    #expect(link.server.recorder.protocols.isEmpty)
  }

  @Test("a server of another authority is refused, and hears it")
  func strangeServer() throws {
    let link = try connect(
      client: certificates.clientOptions(roots: certificates.strangeAuthority))
    #expect(link.client.error?.kind == .unknownAuthority)
    let description = try #require(link.client.error?.description)
    #expect(description.contains("CN=edge"), "\(description)")
    #expect(link.server.error?.kind == .certificateRefused)
    #expect(link.client.recorder.protocols.isEmpty)
  }

  @Test("a client without a certificate is refused, and hears it")
  func missingCertificate() throws {
    let link = try connect(client: certificates.anonymousOptions())
    #expect(link.server.error?.kind == .missingClientCertificate)
    #expect(link.client.error?.kind == .missingClientCertificate)
    #expect(link.client.error?.remedy.contains("certificate") == true)
    #expect(link.server.recorder.protocols.isEmpty)
  }

  @Test("without mutual verification a client needs no certificate")
  func serverOnly() throws {
    let link = try connect(
      server: certificates.serverOptions(.serverOnly), client: certificates.anonymousOptions())
    #expect(link.server.recorder.protocols == ["h2"])
    #expect(link.server.error == nil && link.client.error == nil)
  }

  @Test("a server under another name is refused", arguments: ["other.test", "192.0.2.7"])
  func wrongName(name: String) throws {
    let link = try connect(serverName: name)
    #expect(link.client.error?.kind == .hostnameMismatch)
    #expect(link.client.error?.description.contains(name) == true)
    #expect(link.server.error != nil)
  }

  @Test("each of a server's names is accepted", arguments: ["localhost", "127.0.0.1", "::1"])
  func rightNames(name: String) throws {
    let link = try connect(serverName: name)
    #expect(link.client.recorder.protocols == ["h2"])
  }

  @Test("a device's certificate does not make a server")
  func wrongUse() throws {
    var options = certificates.serverOptions()
    options.certificateChainPath = certificates.device.certificatePath
    options.privateKeyPath = certificates.device.privateKeyPath
    let link = try connect(server: options)
    #expect(link.client.error?.kind == .badPeerCertificate)
  }

  @Test("an expired device is refused, and hears it")
  func expiredDevice() throws {
    let expired = certificates.expiredDevice
    let context = try TLSContext(
      .client, certificates.clientOptions(expired), allowingExpired: true)
    let link = Link(
      client: try EndPoint(context, serverName: "edge.test"),
      server: try EndPoint(TLSContext(.server, certificates.serverOptions())))
    try link.connect()
    #expect(link.server.error?.kind == .peerCertificateExpired)
    #expect(link.server.error?.description.contains("CN=old device") == true)
    #expect(link.client.error?.kind == .certificateRefused)
    #expect(link.client.error?.problem.contains("expired") == true)
  }

  @Test("an expired server is refused, and hears it")
  func expiredServer() throws {
    var options = certificates.serverOptions()
    options.certificateChainPath = certificates.expiredServer.certificatePath
    options.privateKeyPath = certificates.expiredServer.privateKeyPath
    let context = try TLSContext(.server, options, allowingExpired: true)
    let link = Link(
      client: try EndPoint(
        TLSContext(.client, certificates.clientOptions()), serverName: "edge.test"),
      server: try EndPoint(context))
    try link.connect()
    #expect(link.client.error?.kind == .peerCertificateExpired)
    #expect(link.server.error?.kind == .certificateRefused)
  }

  @Test("a peer without h2 is refused, and hears it")
  func applicationProtocol() throws {
    let context = try TLSContext(
      .client, certificates.clientOptions(), applicationProtocols: [8] + Array("http/1.1".utf8))
    let link = Link(
      client: try EndPoint(context, serverName: "edge.test"),
      server: try EndPoint(TLSContext(.server, certificates.serverOptions())))
    try link.connect()
    #expect(link.server.error?.kind == .applicationProtocol)
    #expect(link.client.error?.kind == .applicationProtocol)
  }

  @Test("a peer that offers no protocol at all is refused")
  func noApplicationProtocol() throws {
    let context = try TLSContext(
      .client, certificates.clientOptions(), applicationProtocols: [])
    let link = Link(
      client: try EndPoint(context, serverName: "edge.test"),
      server: try EndPoint(TLSContext(.server, certificates.serverOptions())))
    try link.connect()
    #expect(link.server.error?.kind == .applicationProtocol)
    #expect(link.client.error?.kind == .applicationProtocol)
  }
}
