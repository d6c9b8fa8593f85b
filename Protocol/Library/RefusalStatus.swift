public import GRPCCore
import SwiftProtobuf

/// Refusals travel as gRPC status errors, because that is what a stock client looks
/// at. The status code says what kind of trouble it is; the trailing metadata
/// `tandem-refusal-bin` holds the typed `Refused` (SPEC.md, section 6).
extension Tandem_V1_Refused {
  /// The trailing metadata's key. `-bin` makes gRPC carry raw bytes.
  public static let metadataKey = "tandem-refusal-bin"

  /// A refusal ready to be thrown with ``statusError``.
  ///
  /// - Parameters:
  ///   - reason: Why.
  ///   - message: One sentence for people: the thing, the place, what was expected.
  ///     Cut to `ProtocolLimits.refusalMessageBytes`.
  ///   - retryAfterMilliseconds: When asking again may succeed; 0: never.
  public init(
    _ reason: Tandem_V1_RefusalReason, _ message: String, retryAfterMilliseconds: UInt32 = 0
  ) {
    self.init()
    self.reason = reason
    self.message = Self.cut(message, toBytes: ProtocolLimits.refusalMessageBytes)
    self.retryAfterMilliseconds = retryAfterMilliseconds
  }

  /// Reads the refusal out of the error that a call failed with; nil when the error
  /// is gRPC's own (no connection, cancelled, an edge that is not ours).
  public init?(_ error: RPCError) {
    for bytes in error.metadata[binaryValues: Self.metadataKey] {
      if let refused = try? Tandem_V1_Refused(serializedBytes: bytes) {
        self = refused
        return
      }
    }
    return nil
  }

  /// The error that the edge throws out of the call.
  public var statusError: RPCError {
    var metadata = Metadata()
    // Serializing cannot fail: the message has no required fields and is small.
    if let bytes: [UInt8] = try? serializedBytes() {
      metadata.addBinary(bytes, forKey: Self.metadataKey)
    }
    return RPCError(code: reason.statusCode, message: message, metadata: metadata)
  }

  private static func cut(_ text: String, toBytes limit: Int) -> String {
    guard text.utf8.count > limit else { return text }
    var end = text.utf8.index(text.startIndex, offsetBy: limit)
    // Never inside a character: Swift would otherwise have to repair the string.
    while end.samePosition(in: text) == nil { end = text.utf8.index(before: end) }
    return String(text[..<end])
  }
}
