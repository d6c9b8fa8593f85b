import NIOCore

/// How long a ``TLSHandler`` waits, how much it holds, and whom it tells.
struct TLSHandlerOptions: Sendable {
  /// From the connection's start to the handshake's end; for a client to the first
  /// byte that the server sends after it.
  var handshakeTimeout: TimeAmount = .seconds(10)
  /// From close to the peer's close_notify; and after a failure, to the peer's end.
  var shutdownTimeout: TimeAmount = .seconds(2)
  /// The most plaintext held back for a handshake or a slow peer, in bytes.
  var maximumPendingBytes = 16 << 20
  /// False: there are too many connections already, and this one is closed unheard.
  var isAdmitted = true
  /// True: the first bytes are decrypted and kept, and no more are read, until
  /// ``TLSHandler/releaseInbound()``.
  var holdsInbound = false
  var traffic = TLSTraffic()
  /// The handshake is done: who the peer proved to be, if it was asked to.
  var onHandshake: (@Sendable (PeerIdentity?) -> Void)?
  /// The first byte came after the handshake. For a client this is the first sign
  /// that the server accepted its certificate: TLS 1.3 lets the client finish first
  /// (RFC 8446, section 4.4.2.4).
  var onFirstBytes: (@Sendable () -> Void)?
  /// The connection failed. Called at most once.
  var onFailure: (@Sendable (TLSError) -> Void)?
  /// The connection is gone, with or without a failure. Called exactly once.
  var onClose: (@Sendable () -> Void)?
}
