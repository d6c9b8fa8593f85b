import Foundation
import Glibc
import Testing

@testable import SecureTransport

@Suite("Who may stay connected")
struct ConnectionAdmissionTests {
  @Test("A stranger from a crowded address costs that address's oldest stranger its place")
  func crowd() {
    var admission = ConnectionAdmission(maximum: 100, maximumStrangers: 3)
    let crowd = (0..<3).map { _ in admission.open(from: "a").number }
    let other = admission.open(from: "b")
    #expect(other.verdict == .admitted(closing: nil))
    #expect(admission.open(from: "a").verdict == .admitted(closing: crowd[0]))
    // Whoever has proved who it is stays.
    admission.prove(crowd[1])
    #expect(admission.open(from: "a").verdict == .admitted(closing: nil))
    #expect(admission.open(from: "a").verdict == .admitted(closing: crowd[2]))
  }

  @Test("A full server lets the oldest stranger go, and refuses when all are proven")
  func full() {
    var admission = ConnectionAdmission(maximum: 4, maximumStrangers: 10)
    let numbers = ["a", "b", "c", "d"].map { admission.open(from: $0).number }
    #expect(admission.open(from: "e").verdict == .admitted(closing: numbers[0]))
    admission.close(numbers[0])
    for number in numbers.dropFirst() { admission.prove(number) }
    #expect(admission.openCount == 4)
    let sixth = admission.open(from: "f")
    #expect(sixth.verdict == .admitted(closing: 4))
    admission.close(4)
    admission.prove(sixth.number)
    let seventh = admission.open(from: "g")
    #expect(seventh.verdict == .refused)
    admission.close(seventh.number)
    #expect(admission.openCount == 4)
  }

  @Test("Whatever happens, the count is right and no more strangers stand than may")
  func random() {
    for seed in 0..<200 {
      var admission = ConnectionAdmission(maximum: 8, maximumStrangers: 3)
      var open: [UInt64: (source: String, isProven: Bool)] = [:]
      for step in 0..<100 {
        switch (seed &* 31 &+ step &* 17 &+ Int.random(in: 0..<7)) % 4 {
        case 0, 1:
          let source = ["a", "b", "c"].randomElement() ?? "a"
          let (number, verdict) = admission.open(from: source)
          open[number] = (source, false)
          switch verdict {
          case .admitted(let victim?):
            #expect(open[victim]?.isProven == false)
            open[victim] = nil
            admission.close(victim)
          case .refused:
            open[number] = nil
            admission.close(number)
          default: break
          }
        case 2:
          if let number = open.keys.randomElement() {
            open[number]?.isProven = true
            admission.prove(number)
          }
        default:
          if let number = open.keys.randomElement() {
            open[number] = nil
            admission.close(number)
          }
        }
        #expect(admission.openCount == open.count)
        for source in ["a", "b", "c"] {
          #expect(open.values.filter { $0.source == source && !$0.isProven }.count <= 3)
        }
        #expect(open.count <= 8)
      }
    }
  }

  @Test func descriptorsKeepAReserve() {
    #expect(DescriptorLimit.connections(wanted: 1024, limit: 65_536, open: 30) == 1024)
    #expect(DescriptorLimit.connections(wanted: 1024, limit: 1024, open: 30) == 930)
    #expect(DescriptorLimit.connections(wanted: 1024, limit: 64, open: 30) == 1)
    #expect(DescriptorLimit.raise() >= 64)
  }

  @Test("Silent clients from one address do not keep a device out", .timeLimit(.minutes(1)))
  func silentClients() async throws {
    var configuration = SecureServerConfiguration()
    configuration.maximumConnections = 16
    try await EchoServer.run(configuration: configuration) { server, _ in
      var silent: [Int32] = []
      defer { for descriptor in silent { close(descriptor) } }
      for _ in 0..<60 { silent.append(try Self.connect(port: server.port)) }
      try await EchoServer.withClient(port: server.port) { tandem, _ in
        _ = try await tandem.describe(.init())
      }
      #expect(server.connectionCount <= 20)
    }
  }

  private static func connect(port: Int) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(result == 0)
    return descriptor
  }
}
