import Synchronization

/// Bytes on the wire of one connection, TLS and HTTP/2 overhead included; TCP and IP
/// headers are not. Any thread may read it while the connection runs.
public final class TLSTraffic: Sendable {
  private let received = Atomic<UInt64>(0)
  private let sent = Atomic<UInt64>(0)

  public init() {}

  public var bytesReceived: UInt64 { received.load(ordering: .relaxed) }
  /// Bytes handed to the socket's queue; the kernel may still hold the last of them.
  public var bytesSent: UInt64 { sent.load(ordering: .relaxed) }

  func addReceived(_ count: Int) { received.add(UInt64(count), ordering: .relaxed) }
  func addSent(_ count: Int) { sent.add(UInt64(count), ordering: .relaxed) }
}
