import Foundation
import SecureTransport
import Testing

@testable import TandemDevice
@testable import TandemEdge

@Suite("What goes wrong between device and edge", .timeLimit(.minutes(5)))
struct LinkFaultTests {
  private let folder: String
  private let certificates: TestCertificates

  init() throws {
    folder = try Programs.temporaryFolder()
    certificates = try TestCertificates.shared.get()
  }

  private func install(_ issued: IssuedCertificate) throws {
    for (from, to) in [
      (issued.certificatePath, folder + "/own.pem"), (issued.privateKeyPath, folder + "/own.key"),
    ] {
      try? FileManager.default.removeItem(atPath: to)
      try FileManager.default.copyItem(atPath: from, toPath: to)
    }
  }

  @Test("A certificate that cannot be used is a link that is down, until it is renewed on the disk")
  func renewedWhileRunning() async throws {
    try await TestEdge.run { server in
      let log = LogCapture()
      let link = try TestEdge.link(
        port: server.port,
        tls: TLSOptions(
          certificateChainPath: folder + "/own.pem", privateKeyPath: folder + "/own.key",
          trustRootsPath: certificates.authority.certificatePath), log: log)
      let device = try TestEdge.device(link) { $0.deadline = 10 }
      let samples = Sound.bursts(seconds: 1)
      let local = try await TestEdge.device(nil, policy: "always-local").recognize(samples).text
      for _ in 0..<3 {
        let recognition = try await device.recognize(samples)
        #expect(recognition.text == local, "\(recognition.reason)")
        #expect(recognition.origin == .exit(2))
        #expect(recognition.bytesSent == 0)
      }
      #expect(link.failedAttempts >= 1)
      try install(certificates.expiredDevice)
      try await TestEdge.eventually("the expired certificate is noticed") {
        _ = try await device.recognize(samples)
        return log.lines.contains { $0.contains("expired on") }
      }
      try install(certificates.device)
      try await TestEdge.eventually("the renewed certificate is used") {
        try await device.recognize(samples).origin == .edge
      }
      #expect(link.failedAttempts == 0)
      // Each problem once.
      for word in ["cannot be read", "expired on"] {
        #expect(
          log.lines.filter { $0.contains("warning") && $0.contains(word) }.count == 1,
          "\(log.lines)")
      }
      await device.close()
    }
  }

  @Test(
    "An utterance of exactly the edge's maximum is answered; a longer one never leaves the device")
  func limits() async throws {
    var configuration = try TestEdge.configuration()
    configuration.maximumSeconds = 3
    configuration.maximumMessageBytes = 65_536
    try await TestEdge.run(configuration) { server in
      let link = try TestEdge.link(port: server.port, asksLimits: true)
      let description = try await link.describe()
      #expect(description.limits.secondsPerUtterance == 3)
      #expect(description.limits.messageBytes == 65_536)
      let device = try TestEdge.device(link)
      let longest = try await device.recognize(Sound.bursts(seconds: 3))
      #expect(longest.origin == .edge, "\(longest.reason)")
      for seconds in [4.0, 12] {
        let tooLong = try await device.recognize(Sound.bursts(seconds: seconds))
        #expect(tooLong.origin == .exit(2), "\(tooLong.reason)")
        #expect(tooLong.bytesSent == 0, "\(tooLong.bytesSent) bytes for nothing")
      }
      await device.close()
    }
  }

  @Test("On the first connection the edge's limits are asked for before a long utterance is sent")
  func limitsAtFirst() async throws {
    var configuration = try TestEdge.configuration()
    configuration.maximumSeconds = 3
    try await TestEdge.run(configuration) { server in
      let device = try TestEdge.device(
        TestEdge.link(port: server.port, asksLimits: true)
      ) { $0.deadline = 30 }
      let tooLong = try await device.recognize(Sound.bursts(seconds: 20))
      #expect(tooLong.origin == .exit(2), "\(tooLong.reason)")
      #expect(tooLong.bytesSent < 5_000, "\(tooLong.bytesSent) bytes for nothing")
      await device.close()
    }
  }

  @Test("An edge that stops does not wait for clients that only stay connected")
  func stopsBesideIdleClients() async throws {
    let log = LogCapture()
    var configuration = try TestEdge.configuration()
    configuration.shutdownGrace = .seconds(20)
    let server = try EdgeServer(configuration: configuration, log: log.logger)
    let running = Task { try await server.run() }
    let link = try TestEdge.link(port: server.port)
    _ = try await link.describe()
    let silent = try BlackHole.connect(port: server.port)
    defer { close(silent) }
    let began = ContinuousClock.now
    server.beginShutdown()
    try await running.value
    #expect(began.duration(to: .now) < .seconds(8))
    #expect(!log.lines.contains { $0.contains("cut off") }, "\(log.lines)")
    await link.close()
  }

  @Test("Where nobody speaks nothing is sent and nothing is understood")
  func silence() async throws {
    try await TestEdge.run { server in
      let link = try TestEdge.link(port: server.port)
      _ = try await link.describe()
      let device = try TestEdge.device(link) { $0.silenceKeptSeconds = 0.3 }
      var random = SeededGenerator(7)
      for seconds in [0.2, 1, 5] {
        let count = Int(seconds * 16_000)
        for samples in [
          [Float](repeating: 0, count: count),
          (0..<count).map { _ in Float.random(in: -0.01...0.01, using: &random) },
        ] {
          let recognition = try await device.recognize(samples)
          #expect(recognition.text.isEmpty)
          #expect(recognition.origin == .none)
          #expect(recognition.bytesSent == 0)
          #expect(recognition.decisions.last?.reason == .noSpeech)
        }
      }
      await device.close()
    }
  }

  @Test("Silence around an utterance changes neither its words nor its bytes")
  func padding() async throws {
    try await TestEdge.run { server in
      let link = try TestEdge.link(port: server.port)
      _ = try await link.describe()
      let device = try TestEdge.device(link) { $0.silenceKeptSeconds = 0.3 }
      let quiet = { [Float](repeating: 0, count: $0 * 16_000) }
      let spoken = Sound.bursts(seconds: 2)
      let alone = try await device.recognize(quiet(1) + spoken + quiet(1))
      for samples in [quiet(6) + spoken + quiet(1), quiet(1) + spoken + quiet(9)] {
        let padded = try await device.recognize(samples)
        #expect(padded.text == alone.text)
        #expect(abs(padded.utteranceSeconds - alone.utteranceSeconds) < 0.02)
        #expect(abs(padded.bytesSent - alone.bytesSent) < alone.bytesSent / 10)
      }
      await device.close()
    }
  }
}
