import Foundation
import Testing

@testable import Simulation

/// Writes the tests' SYNTHETIC profile where `TANDEM_SYNTHETIC_PROFILE` points, to try the command with before
/// there is a real one. Its figures mean nothing.
@Suite struct SyntheticProfileFile {
  private static let path = ProcessInfo.processInfo.environment["TANDEM_SYNTHETIC_PROFILE"]

  @Test(.enabled(if: path != nil, "TANDEM_SYNTHETIC_PROFILE is not set"))
  func write() throws {
    let path = try #require(Self.path)
    try Fixtures.profile(utterances: 1_000).jsonLines().write(to: URL(fileURLWithPath: path))
    #expect(try Profile(path: path).utterances.count == 1_000)
  }
}
