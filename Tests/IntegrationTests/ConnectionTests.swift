import Foundation
import SecureTransport
import Testing

@testable import TandemDevice
@testable import TandemEdge

@Suite("Who may connect, and what is said when it fails", .timeLimit(.minutes(5)))
struct ConnectionTests {
  /// What goes wrong when this link is used; and that the device answers all the same.
  private func failure(_ link: EdgeLink) async throws -> String {
    var found = ""
    do {
      _ = try await link.describe()
      Issue.record("the edge was reached")
    } catch let failure as OffloadFailure {
      guard case .unreachable(let why) = failure else {
        Issue.record("not unreachable: \(failure)")
        return ""
      }
      found = why
    }
    let device = try TestEdge.device(link)
    let recognition = try await device.recognize(Sound.bursts(seconds: 1))
    #expect(recognition.origin == .exit(device.model.exitCount))
    #expect(!recognition.text.isEmpty)
    await device.close()
    return found
  }

  @Test func aDeviceThatTrustsAnotherAuthority() async throws {
    let certificates = try TestCertificates.shared.get()
    try await TestEdge.run { server in
      let why = try await failure(
        TestEdge.link(
          port: server.port,
          tls: certificates.deviceOptions(trusting: certificates.strangeAuthority)))
      #expect(why.contains("127.0.0.1:\(server.port)"))
      #expect(why.contains("edge") && why.contains("trust"), "\(why)")
    }
  }

  @Test func aDeviceOfAnotherAuthority() async throws {
    let certificates = try TestCertificates.shared.get()
    try await TestEdge.run { server in
      let why = try await failure(
        TestEdge.link(
          port: server.port, tls: certificates.deviceOptions(certificates.strangeDevice)))
      #expect(why.contains("127.0.0.1:\(server.port)"))
      #expect(why.contains("certificate"), "\(why)")
    }
  }

  @Test func aDeviceWithoutACertificate() async throws {
    let certificates = try TestCertificates.shared.get()
    let log = LogCapture()
    try await TestEdge.run(log: log) { server in
      let why = try await failure(
        TestEdge.link(port: server.port, tls: certificates.anonymousOptions))
      #expect(why.contains("127.0.0.1:\(server.port)"))
      #expect(why.contains("certificate"), "\(why)")
      // The edge says so too.
      try await TestEdge.eventually("the edge logs it") {
        log.lines.contains { $0.contains("certificate") }
      }
    }
  }

  @Test func anExpiredCertificateIsNamedBeforeItIsUsed() throws {
    let certificates = try TestCertificates.shared.get()
    #expect {
      try TestEdge.link(port: 1, tls: certificates.deviceOptions(certificates.expiredDevice))
        .checkCertificates()
    } throws: { error in
      guard let error = error as? TLSError else { return false }
      return error.kind == .ownCertificateExpired && "\(error)".contains("old-kitchen")
    }
    var configuration = try TestEdge.configuration()
    configuration.tls = certificates.edgeOptions(certificates.expiredEdge)
    #expect {
      _ = try EdgeServer(configuration: configuration, log: LogCapture().logger)
    } throws: { error in
      guard let error = error as? TLSError else { return false }
      return error.kind == .ownCertificateExpired && "\(error)".contains("old-edge")
    }
  }

  @Test func anEdgeOfAnotherName() async throws {
    let certificates = try TestCertificates.shared.get()
    var options = certificates.deviceOptions()
    options.serverName = "elsewhere.test"
    try await TestEdge.run { [options] server in
      let why = try await failure(TestEdge.link(port: server.port, tls: options))
      #expect(why.contains("elsewhere.test"), "\(why)")
    }
  }

  @Test func anEdgeThatIsNotThere() async throws {
    // A port that was free a moment ago.
    let port = try await TestEdge.run { $0.port }
    let why = try await failure(TestEdge.link(port: port))
    #expect(why.contains("127.0.0.1:\(port)") && why.contains("nobody listens"), "\(why)")
  }

  @Test func aPortInUse() async throws {
    try await TestEdge.run { server in
      var configuration = try TestEdge.configuration()
      configuration.port = server.port
      #expect {
        _ = try EdgeServer(configuration: configuration, log: LogCapture().logger)
      } throws: { error in
        (error as? TLSError)?.kind == .addressInUse && "\(error)".contains("\(server.port)")
      }
    }
  }

  @Test func theLinkComesBackWithTheEdge() async throws {
    var configuration = try TestEdge.configuration()
    let port = try await TestEdge.run(configuration) { $0.port }
    let link = try TestEdge.link(port: port)
    await #expect(throws: OffloadFailure.self) { _ = try await link.describe() }
    configuration.port = port
    for _ in 0..<2 {
      // The first edge of the two ends; the same link then uses the second.
      try await TestEdge.run(configuration) { _ in
        try await TestEdge.eventually("the link is up again") {
          (try? await link.recognize(TestUtterance.request())) != nil
        }
      }
    }
    await link.close()
  }
}
