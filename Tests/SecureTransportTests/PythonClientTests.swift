import Foundation
import SwiftProtobuf
import TandemProtocol
import Testing

@testable import SecureTransport

/// Scripts/python-client against a real edge: gRPC's own C core and BoringSSL as a peer.
/// Runs where a Python with grpcio and grpcio-tools is named by TANDEM_PYTHON or lies in
/// the repository's .venv.
@Suite(
  "Python client", .serialized, .timeLimit(.minutes(2)),
  .enabled(if: CommandLineTool.pythonWithGRPC != nil, "no Python with grpcio: set TANDEM_PYTHON"))
struct PythonClientTests {
  private let client = CommandLineTool.repository + "/Scripts/python-client/recognize.py"
  private let certificates = TestCertificates.shared

  private func record(transcript: String) throws -> String {
    let packets: [Tandem_V1_Packet] = [
      .with { $0.start.protocolVersion = 1 },
      .with {
        $0.features.frameCount = 4
        $0.features.payload = Data(repeating: 5, count: 300)
      },
      .with { $0.end.totalFrames = 4 },
    ]
    let path = certificates.folder + "/recording-\(UUID().uuidString)"
    var data = Data()
    for packet in packets {
      let bytes: [UInt8] = try packet.serializedBytes()
      var length = bytes.count
      while length > 0x7F {
        data.append(UInt8(length & 0x7F) | 0x80)
        length >>= 7
      }
      data.append(UInt8(length))
      data.append(contentsOf: bytes)
    }
    try data.write(to: URL(fileURLWithPath: path + ".packets"))
    try JSONEncoder().encode(["transcript": transcript])
      .write(to: URL(fileURLWithPath: path + ".json"))
    return path + ".packets"
  }

  private func run(_ port: Int, _ recording: String, own: IssuedCertificate?) async throws -> (
    status: Int32, output: String
  ) {
    var arguments = [
      client, "--port", "\(port)", "--ca",
      certificates.authority.certificatePath, recording,
    ]
    if let own {
      arguments += ["--certificate", own.certificatePath, "--key", own.privateKeyPath]
    }
    let python = try #require(CommandLineTool.pythonWithGRPC)
    return try await python.runAside(arguments)
  }

  @Test("with a certificate of our authority it gets its transcript")
  func accepted() async throws {
    let recording = try record(transcript: "device 1 sent 300 bytes")
    try await EchoServer.run { server, _ in
      let (status, output) = try await run(server.port, recording, own: certificates.device)
      #expect(status == 0, "\(output)")
      #expect(output.contains("device 1 sent 300 bytes"))
    }
  }

  @Test("another transcript than the recorded one is told")
  func differs() async throws {
    let recording = try record(transcript: "something else")
    try await EchoServer.run { server, _ in
      let (status, output) = try await run(server.port, recording, own: certificates.device)
      #expect(status == 1, "\(output)")
    }
  }

  @Test("without a certificate, or with a stranger's, it is refused")
  func refused() async throws {
    let recording = try record(transcript: "")
    try await EchoServer.run { server, service in
      for own in [nil, certificates.strangeDevice] {
        let (status, output) = try await run(server.port, recording, own: own)
        #expect(status == 69, "\(output)")
      }
      #expect(service.begun.load(ordering: .sequentiallyConsistent) == 0)
    }
  }
}
