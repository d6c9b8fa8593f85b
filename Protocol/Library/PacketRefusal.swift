public import GRPCCore

/// Why a packet was refused, as a Swift error; ``statusError`` is what goes out.
public struct PacketRefusal: Error, Sendable, Hashable, CustomStringConvertible {
  public var reason: Tandem_V1_RefusalReason
  /// One sentence for people.
  public var message: String

  public init(_ reason: Tandem_V1_RefusalReason, _ message: String) {
    self.reason = reason
    self.message = message
  }

  public var statusError: RPCError { Tandem_V1_Refused(reason, message).statusError }
  public var description: String { message }
}
