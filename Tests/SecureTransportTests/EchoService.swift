import GRPCCore
import Synchronization
import TandemProtocol

@testable import SecureTransport

/// A small service on the real wire types: every packet of features is answered with
/// the frames so far, and the end with the caller's name and all payload bytes.
final class EchoService: Tandem_V1_Tandem.SimpleServiceProtocol {
  private let peers: PeerIdentityTable
  /// Calls that began, and that ended in whatever way.
  let begun = Atomic<Int>(0)
  let ended = Atomic<Int>(0)

  init(peers: PeerIdentityTable) { self.peers = peers }

  func describe(
    request: Tandem_V1_DescribeRequest, context: ServerContext
  ) async throws -> Tandem_V1_Description {
    guard let caller = peers.identity(of: context) else {
      throw Tandem_V1_Refused(.notPermitted, "no identity for \(context.remotePeer)").statusError
    }
    var description = Tandem_V1_Description()
    description.serverVersion = caller.commonName
    return description
  }

  func recognize(
    request: RPCAsyncSequence<Tandem_V1_Packet, any Error>,
    response: RPCWriter<Tandem_V1_Answer>, context: ServerContext
  ) async throws {
    begun.add(1, ordering: .sequentiallyConsistent)
    defer { ended.add(1, ordering: .sequentiallyConsistent) }
    let caller = peers.identity(of: context)?.commonName ?? "nobody"
    try await echo(request, response, caller: caller)
  }

  private func echo(
    _ request: RPCAsyncSequence<Tandem_V1_Packet, any Error>,
    _ response: RPCWriter<Tandem_V1_Answer>, caller: String
  ) async throws {
    var frames: UInt32 = 0
    var bytes = 0
    for try await packet in request {
      switch packet.kind {
      case .start:
        try await response.write(.with { $0.accepted.serverVersion = "echo" })
      case .features(let features):
        frames += features.frameCount
        bytes += features.payload.count
        try await response.write(.with { $0.acknowledged.frames = frames })
      case .end:
        try await response.write(.with { $0.final.text = "\(caller) sent \(bytes) bytes" })
      case nil:
        throw Tandem_V1_Refused(.malformed, "a packet without content").statusError
      }
    }
  }
}
