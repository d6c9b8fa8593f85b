public import GRPCCore
import NIOCore
import Synchronization

/// Who is behind each open connection, by the remote address that a call's context shows.
///
/// gRPC's custom transports cannot carry the certificate into a call's context
/// (`transportSpecificContext` is internal to that package), but they do show the
/// remote address, and no two open connections to one listening socket have the same.
/// The TLS handler enters the identity after the handshake and before the first byte
/// of HTTP/2 is passed on, and removes it when the connection closes. An address
/// belongs to the connection that began there last: its number stands in the entry,
/// and a late handshake or close of an older connection, on another event loop,
/// changes nothing. So a reused port never inherits an identity.
public final class PeerIdentityTable: Sendable {
  private struct Entry {
    var connection: UInt64
    var identity: PeerIdentity?
  }

  private struct State {
    var entries: [String: Entry] = [:]
    var lastConnection: UInt64 = 0
  }

  private let state = Mutex(State())

  public init() {}

  /// The verified identity of the caller, or nil: the connection is closed, or the
  /// server runs with `.serverOnly` and asks for no certificate.
  ///
  /// Look it up once, when the call begins.
  public func identity(of context: ServerContext) -> PeerIdentity? {
    identity(remotePeer: context.remotePeer)
  }

  /// As above, by gRPC's spelling of the address: `ipv4:192.0.2.1:5000`.
  public func identity(remotePeer: String) -> PeerIdentity? {
    state.withLock { $0.entries[remotePeer]?.identity }
  }

  /// Open connections with an identity.
  public var count: Int {
    state.withLock { $0.entries.values.count { $0.identity != nil } }
  }

  /// A connection from this address begins: nobody is known there until it proves it.
  /// - Returns: The connection's number, for the other two calls.
  func begin(remotePeer: String) -> UInt64 {
    state.withLock {
      $0.lastConnection += 1
      $0.entries[remotePeer] = Entry(connection: $0.lastConnection, identity: nil)
      return $0.lastConnection
    }
  }

  func enter(_ identity: PeerIdentity, remotePeer: String, connection: UInt64) {
    state.withLock {
      if $0.entries[remotePeer]?.connection == connection {
        $0.entries[remotePeer]?.identity = identity
      }
    }
  }

  func end(remotePeer: String, connection: UInt64) {
    state.withLock {
      if $0.entries[remotePeer]?.connection == connection { $0.entries[remotePeer] = nil }
    }
  }

  /// The address as gRPC's `ServerContext.remotePeer` spells it.
  static func key(_ address: NIOCore.SocketAddress?) -> String? {
    switch address {
    case .v4(let v4): "ipv4:\(v4.host):\(address?.port ?? 0)"
    case .v6(let v6): "ipv6:[\(v6.host)]:\(address?.port ?? 0)"
    default: nil
    }
  }
}
