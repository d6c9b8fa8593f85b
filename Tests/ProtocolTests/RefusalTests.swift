import GRPCCore
import Testing

@testable import TandemProtocol

@Suite("Refusals")
struct RefusalTests {
  @Test(
    "a refusal survives the way through a status error", arguments: Tandem_V1_RefusalReason.allCases
  )
  func roundTrip(reason: Tandem_V1_RefusalReason) throws {
    let refused = Tandem_V1_Refused(reason, "the reason", retryAfterMilliseconds: 250)
    let error = refused.statusError
    #expect(error.code == reason.statusCode)
    #expect(error.message == "the reason")
    #expect(Tandem_V1_Refused(error) == refused)
  }

  @Test("gRPC's own errors are no refusals, and neither is garbage")
  func others() {
    #expect(Tandem_V1_Refused(RPCError(code: .unavailable, message: "gone")) == nil)
    var metadata = Metadata()
    metadata.addBinary([0xFF, 0xFF, 0xFF], forKey: Tandem_V1_Refused.metadataKey)
    let error = RPCError(code: .internalError, message: "x", metadata: metadata)
    #expect(Tandem_V1_Refused(error) == nil)
  }

  @Test("an overlong message is cut between characters")
  func cut() {
    let refused = Tandem_V1_Refused(.internal, String(repeating: "ä", count: 600))
    #expect(refused.message == String(repeating: "ä", count: 512))
    let odd = Tandem_V1_Refused(.internal, "x" + String(repeating: "ä", count: 600))
    #expect(odd.message == "x" + String(repeating: "ä", count: 511))
  }

  @Test("every reason but the unspecified has a status of its own kind")
  func codes() {
    for reason in Tandem_V1_RefusalReason.allCases where reason != .unspecified {
      #expect(reason.statusCode != .unknown)
    }
  }
}
