import GRPCNIOTransportCore

/// The bounds of a ``SecureClientTransport``.
public struct SecureClientConfiguration: Sendable {
  /// A connection without calls closes itself after this; nil: it stays.
  public var maximumIdleTime: Duration? = .seconds(300)
  /// Asks a silent server this often, while a call runs, whether it is still there;
  /// nil: never, and the calls' own deadlines find out. Servers close connections that
  /// ask more often than they allow (gRFC A8).
  public var keepaliveTime: Duration?
  /// A server that does not answer that within this time is gone.
  public var keepaliveTimeout: Duration = .seconds(5)
  /// From closing the connection to the server's close_notify.
  public var shutdownTimeout: Duration = .seconds(2)

  public init() {}

  /// The part of it that is gRPC's.
  /// - Parameter authority: The name for HTTP/2's `:authority`.
  func transport(authority: String) -> HTTP2ClientTransport.WrappedChannel.Config {
    var config = HTTP2ClientTransport.WrappedChannel.Config.defaults
    config.http2.authority = authority
    config.connection.maxIdleTime = maximumIdleTime
    config.connection.keepalive = keepaliveTime.map {
      .init(time: $0, timeout: keepaliveTimeout, allowWithoutCalls: false)
    }
    return config
  }
}
