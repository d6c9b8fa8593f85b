public import Logging

/// The bounds of a ``SecureServerTransport``. Every default is finite.
public struct SecureServerConfiguration: Sendable {
  /// Open connections; one more costs one whose handshake is not done its place, or is closed at once.
  public var maximumConnections = 1024
  /// Calls at a time on one connection.
  public var maximumConcurrentCalls = 64
  /// The largest request message, in bytes. gRPC ends the call of a larger one, and the
  /// client sees RESOURCE_EXHAUSTED or, still writing, UNAVAILABLE.
  public var maximumMessageBytes = 1 << 20
  /// From accepting a connection to the handshake's end.
  public var handshakeTimeout: Duration = .seconds(10)
  /// From closing a connection to the peer's close_notify.
  public var shutdownTimeout: Duration = .seconds(2)
  /// A connection without calls is closed after this; nil: never.
  public var maximumIdleTime: Duration? = .seconds(600)
  /// Whether a silent peer is still there is asked this often.
  public var keepaliveTime: Duration = .seconds(60)
  /// A peer that does not answer that within this time is gone.
  public var keepaliveTimeout: Duration = .seconds(20)
  /// Hears of every connection that failed, with its reason, at level `notice`.
  public var logger: Logger?

  public init(logger: Logger? = nil) { self.logger = logger }

  /// Lowers ``maximumConnections`` to what fits beside everything else that this process has open.
  ///
  /// - Parameter limit: Descriptors that the process may have, as ``DescriptorLimit/raise()`` says.
  public mutating func fitConnections(intoDescriptors limit: Int) {
    let fitting = DescriptorLimit.connections(wanted: maximumConnections, limit: limit)
    if fitting < maximumConnections {
      logger?.notice(
        "fewer connections than usual, because few files may be open (ulimit -n)",
        metadata: ["connections": "\(fitting)", "openFiles": "\(limit)"])
    }
    maximumConnections = fitting
  }
}
