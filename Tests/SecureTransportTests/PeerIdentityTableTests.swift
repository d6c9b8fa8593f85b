import NIOCore
import Testing

@testable import SecureTransport

@Suite("Peer identity table")
struct PeerIdentityTableTests {
  private func identity(_ name: String) -> PeerIdentity {
    PeerIdentity(commonName: name, dnsNames: [], addresses: [], fingerprint: name)
  }

  private let address = "ipv4:192.0.2.1:5000"

  @Test("an identity is there between the handshake and the close")
  func life() {
    let table = PeerIdentityTable()
    let connection = table.begin(remotePeer: address)
    #expect(table.identity(remotePeer: address) == nil)
    table.enter(identity("a"), remotePeer: address, connection: connection)
    #expect(table.identity(remotePeer: address)?.commonName == "a")
    #expect(table.count == 1)
    #expect(table.identity(remotePeer: "ipv4:192.0.2.1:5001") == nil)
    table.end(remotePeer: address, connection: connection)
    #expect(table.identity(remotePeer: address) == nil)
    #expect(table.count == 0)
  }

  @Test("a reused port does not inherit, even if the old connection's close comes never or late")
  func reusedPort() {
    let table = PeerIdentityTable()
    let old = table.begin(remotePeer: address)
    table.enter(identity("old"), remotePeer: address, connection: old)
    let new = table.begin(remotePeer: address)
    #expect(table.identity(remotePeer: address) == nil)
    table.enter(identity("new"), remotePeer: address, connection: new)
    table.end(remotePeer: address, connection: old)
    #expect(table.identity(remotePeer: address)?.commonName == "new")
    table.end(remotePeer: address, connection: new)
    #expect(table.count == 0)
  }

  @Test("a late handshake of an old connection does not name the new one")
  func lateHandshake() {
    let table = PeerIdentityTable()
    let old = table.begin(remotePeer: address)
    let new = table.begin(remotePeer: address)
    table.enter(identity("old"), remotePeer: address, connection: old)
    #expect(table.identity(remotePeer: address) == nil)
    table.enter(identity("new"), remotePeer: address, connection: new)
    table.enter(identity("old"), remotePeer: address, connection: old)
    #expect(table.identity(remotePeer: address)?.commonName == "new")
  }

  @Test("addresses are spelt as gRPC spells them")
  func keys() throws {
    #expect(
      PeerIdentityTable.key(try SocketAddress.makeAddressResolvingHost("192.0.2.1", port: 5000))
        == address)
    #expect(
      PeerIdentityTable.key(try SocketAddress.makeAddressResolvingHost("::1", port: 7))
        == "ipv6:[::1]:7")
    #expect(PeerIdentityTable.key(nil) == nil)
    #expect(PeerIdentityTable.key(try SocketAddress(unixDomainSocketPath: "/tmp/x")) == nil)
  }
}
