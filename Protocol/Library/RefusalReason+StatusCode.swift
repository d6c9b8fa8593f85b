public import GRPCCore

extension Tandem_V1_RefusalReason {
  /// The gRPC status code of this reason: the table in SPEC.md, section 6.
  public var statusCode: RPCError.Code {
    switch self {
    case .overload: .resourceExhausted
    case .version, .modelFingerprint, .codecFingerprint: .failedPrecondition
    case .splitLayer, .codec, .dimension, .sequenceGap, .malformed: .invalidArgument
    case .checksum: .dataLoss
    case .tooLarge, .tooLong: .outOfRange
    case .deadlinePassed: .deadlineExceeded
    case .shuttingDown: .unavailable
    case .notPermitted: .permissionDenied
    case .internal: .internalError
    case .unspecified, .UNRECOGNIZED: .unknown
    }
  }
}
