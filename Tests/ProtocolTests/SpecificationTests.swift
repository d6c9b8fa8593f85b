import Foundation
import Testing

@testable import TandemProtocol

/// SPEC.md and the code say the same.
@Suite("SPEC.md")
struct SpecificationTests {
  @Test("the table of limits holds the constants' values")
  func limits() throws {
    let text = try Repository.text("Protocol/SPEC.md")
    let constants: [(String, Int)] = [
      ("messageBytes", ProtocolLimits.messageBytes),
      ("packetsPerUtterance", Int(ProtocolLimits.packetsPerUtterance)),
      ("secondsPerUtterance", Int(ProtocolLimits.secondsPerUtterance)),
      ("tailFrames", Int(ProtocolLimits.tailFrames)),
      ("bytesPerUtterance", ProtocolLimits.bytesPerUtterance),
      ("featureDimension", Int(ProtocolLimits.featureDimension)),
      ("deadlineMilliseconds", Int(ProtocolLimits.deadlineMilliseconds)),
      ("digestBytes", ProtocolLimits.digestBytes),
      ("utteranceIDBytes", ProtocolLimits.utteranceIDBytes),
      ("traceContextBytes", ProtocolLimits.traceContextBytes),
      ("textBytes", ProtocolLimits.textBytes),
      ("nameBytes", ProtocolLimits.nameBytes),
      ("refusalMessageBytes", ProtocolLimits.refusalMessageBytes),
      ("tableEntries", ProtocolLimits.tableEntries),
    ]
    for (name, value) in constants {
      #expect(text.contains("| `\(name)` | \(value) |"), "\(name)")
    }
    #expect(text.contains("that is \(ProtocolLimits.framesPerUtterance) frames"))
    #expect(text.contains("\(ProtocolLimits.framesPerSecond) frames a\nsecond"))
  }

  @Test("the table of refusals holds every reason with its status")
  func refusals() throws {
    let rows = try Repository.text("Protocol/SPEC.md").split(separator: "\n")
      .filter { $0.hasPrefix("| ") }
      .map { $0.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) } }
    let proto = try Repository.text("Protocol/tandem.proto")
    for reason in Tandem_V1_RefusalReason.allCases where reason != .unspecified {
      let line = try #require(
        proto.split(separator: "\n").first {
          $0.contains("REFUSAL_REASON_") && $0.hasSuffix(" = \(reason.rawValue);")
        })
      let name = line.trimmingCharacters(in: .whitespaces).split(separator: " ")[0]
        .replacing("REFUSAL_REASON_", with: "")
      let row = try #require(
        rows.first { $0.first.map { $0 == name } ?? false }, "\(name) is not in SPEC.md")
      // INTERNAL_ERROR in Swift's words is INTERNAL on the wire.
      let status = "\(reason.statusCode)".replacing("internalError", with: "internal")
      let words = row[1].lowercased().replacing("_", with: "")
      #expect(words == status.lowercased().filter(\.isLetter), "\(name)")
    }
  }
}
