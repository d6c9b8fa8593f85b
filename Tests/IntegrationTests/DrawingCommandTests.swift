import Foundation
import Testing

@testable import DecisionLog

@Suite(
  "The decision log drawn, as a user asks for it", .timeLimit(.minutes(10)),
  .enabled(
    if: Programs.built != nil, "tandem-device and tandem-edge are not built: swift build -c release"
  ))
struct DrawingCommandTests {
  private let programs: Programs
  private let folder: String

  init() throws {
    programs = try #require(Programs.built)
    folder = try Programs.temporaryFolder()
  }

  private func log(_ name: String, rows: Int) async throws -> String {
    let path = folder + "/" + name
    let log = try DecisionLog(path: path)
    try log.executeForTesting(
      """
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(rows))
      INSERT INTO utterance (id, startTime, durationSeconds, exitsJson, linkJson, edgeJson,
        predictionsJson, decisionsJson, policy, reason, offloaded, bytesSent, bytesReceived,
        answerSeconds, timesJson, origin, modelFingerprint, deviceClass)
      SELECT i, 1700000000 + 7 * i, 3, '[]', '{}', '{}', '[]', '[]', 'bandit', 'confident', 0, 0, 0,
        0.05, '{}', 'exit 1', 'ab', 'phone'
      FROM n;
      """)
    await log.close()
    return path
  }

  private func draw(_ log: String) async throws -> Programs.Outcome {
    try await programs.run(
      "tandem-device",
      [
        "decisions", "summary", "--decision-log-path", log, "--html", folder + "/log.html",
        "--svg", folder + "/log.svg",
      ])
  }

  private func file(_ name: String) throws -> String {
    try String(contentsOfFile: folder + "/" + name, encoding: .utf8)
  }

  @Test func bothDrawingsAndTheSummary() async throws {
    let outcome = try await draw(try await log("small.sqlite", rows: 500))
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("utterances    500"))
    #expect(try file("log.html").contains("<strong>500</strong> utterances"))
    #expect(try file("log.svg").hasPrefix("<svg"))
  }

  @Test func memoryDoesNotGrowWithTheLog() async throws {
    let outcome = try await draw(try await log("large.sqlite", rows: 600_000))
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("utterances    600000"))
    // Seen many times a second for as long as it runs. Half a kilobyte a row would be 300,000 KiB more.
    #expect(outcome.peakKibibytes > 0)
    #expect(outcome.peakKibibytes < 100_000, "\(outcome.peakKibibytes) KiB")
  }

  @Test func aPlaceThatCannotBeWrittenIsNamed() async throws {
    let log = try await log("small.sqlite", rows: 5)
    let outcome = try await programs.run(
      "tandem-device",
      ["decisions", "summary", "--decision-log-path", log, "--svg", "/nowhere/log.svg"])
    #expect(outcome.status == 73)
    #expect(outcome.errors.contains("/nowhere/log.svg"))
  }

  @Test func aNewerLogIsNamed() async throws {
    let path = folder + "/newer.sqlite"
    let log = try DecisionLog(path: path)
    try log.executeForTesting("UPDATE schema SET version = 99")
    await log.close()
    let outcome = try await draw(path)
    #expect(outcome.status == 65)
    #expect(outcome.errors.contains("schema version 99"))
    #expect(!FileManager.default.fileExists(atPath: folder + "/log.html"))
  }
}
