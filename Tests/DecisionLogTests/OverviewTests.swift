import Foundation
import GRDB
import Offload
import Testing

@testable import DecisionLog

@Suite struct OverviewTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A log with these records.
  func reader(_ records: [DecisionRecord], storeTranscripts: Bool = false) async throws
    -> DecisionLogReader
  {
    let path = folder.file("log.sqlite")
    let log = try DecisionLog(path: path, storeTranscripts: storeTranscripts)
    for record in records { log.record(record) }
    await log.close()
    #expect(log.losses.count == 0)
    return try DecisionLogReader(path: path)
  }

  /// The log after a statement of ours, as another program might have run it.
  func reader(after sql: String) async throws -> DecisionLogReader {
    _ = try await reader([Fixtures.record("u")])
    let queue = try DatabaseQueue(path: folder.file("log.sqlite"))
    try await queue.write { try $0.execute(sql: sql) }
    try queue.close()
    return try DecisionLogReader(path: folder.file("log.sqlite"))
  }

  /// So many rows, a second apart, without the JSON that no summary reads.
  static func rows(_ count: Int) -> String {
    """
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(count))
    INSERT INTO utterance (id, startTime, durationSeconds, exitsJson, linkJson, edgeJson,
      predictionsJson, decisionsJson, policy, reason, offloaded, predictedTotal, predictedLatency,
      bytesSent, bytesReceived, answerSeconds, timesJson, actualTotal, origin, fallbackReason,
      modelFingerprint, deviceClass)
    SELECT 'r' || i, 1700000000 + i, 3, '[]', '{}', '{}', '[]', '[]', 'bandit',
      CASE i % 3 WHEN 0 THEN 'confident' WHEN 1 THEN 'cheapest' ELSE 'exploring' END, i % 2,
      0.5 + (i % 10) / 10.0, 0.2, (i % 2) * 4000, (i % 2) * 200, 0.05 + (i % 100) / 100.0, '{}',
      0.4 + (i % 7) / 10.0, CASE WHEN i % 2 = 0 THEN 'exit 1' WHEN i % 10 = 1 THEN 'exit 2' ELSE 'edge' END,
      CASE WHEN i % 10 = 1 THEN 'deadline' END, 'ab', 'phone'
    FROM n;
    """
  }

  static func expectStandsAlone(_ overview: DecisionOverview, name: String = "log.sqlite") {
    let report = DecisionReport(overview, name: name)
    for text in [report.html, report.svg] {
      for asset in ["https://", "<script", "<link", "src=", "href=", "@import", "url("] {
        #expect(!text.contains(asset), "\(asset)")
      }
      #expect(!text.contains("nan\"") && !text.contains("inf\"") && !text.contains("NaN"))
      for tag in ["svg", "table", "figure", "ul", "p", "h2", "tr", "td", "li", "text", "g"] {
        let opened =
          text.components(separatedBy: "<\(tag)>").count
          + text.components(separatedBy: "<\(tag) ").count - 2
        #expect(opened == text.components(separatedBy: "</\(tag)>").count - 1, "\(tag)")
      }
    }
    #expect(report.svg.components(separatedBy: "http://").count == 2)
  }

  @Test func anEmptyLogIsSaidToBeEmpty() async throws {
    let overview = try await reader([]).overview(deadline: 2)
    #expect(overview.summary.utterances == 0)
    #expect(overview.timeline.buckets.isEmpty && overview.timeline.range == nil)
    Self.expectStandsAlone(overview)
    let report = DecisionReport(overview, name: "log.sqlite")
    #expect(report.html.contains("holds no utterance") && report.svg.contains("holds no utterance"))
  }

  @Test func oneRowIsDrawn() async throws {
    let overview = try await reader([Fixtures.record("only", answer: 2.5)]).overview(deadline: 2)
    #expect(overview.timeline.buckets.count == 1)
    #expect(overview.timeline.late == 1)
    Self.expectStandsAlone(overview)
    let html = DecisionReport(overview, name: "log.sqlite").html
    #expect(
      html.contains("How long people waited") && html.contains("asked the edge")
        && html.contains(">not-confident<"))
    #expect(html.contains("<strong>1</strong> utterances"))
  }

  @Test func everyRowIsInABucketAndEverySumIsKept() async throws {
    let reader = try await reader(after: "DELETE FROM utterance; " + Self.rows(20_000))
    let overview = try reader.overview(deadline: 1)
    let buckets = overview.timeline.buckets
    #expect(overview.timeline.length == 600)
    #expect((30...DecisionTimeline.mostBuckets).contains(buckets.count))
    #expect(buckets.reduce(0) { $0 + $1.utterances } == 20_000)
    #expect(buckets.reduce(0) { $0 + $1.offloads } == 10_000)
    #expect(buckets.reduce(0) { $0 + $1.bytesSent } == Double(overview.summary.bytesSent))
    #expect(buckets.reduce(0) { $0 + ($1.fallbacks["deadline"] ?? 0) } == 2_000)
    #expect(buckets.reduce(0) { $0 + ($1.reasons["exploring"] ?? 0) } == 6_667)
    let ways = DecisionTimeline.Way.allCases.map { way in
      buckets.reduce(0) { $0 + $1.ways[way.rawValue] }
    }
    #expect(ways == [10_000, 8_000, 2_000, 0])
    #expect(overview.timeline.answers.map(\.total) == ways)
    #expect(overview.timeline.costs.values.reduce(0, +) == 20_000)
    // Later than 1.1 s there is none; with a deadline of half a second all but fifty-six in a hundred are late.
    #expect(overview.timeline.late == 0)
    #expect(try reader.overview(deadline: 0.505).timeline.late == 20_000 / 100 * 44)
    Self.expectStandsAlone(overview)
  }

  @Test func percentilesOfManyRowsComeFromTheirHistogram() async throws {
    let count = SummaryBuilder.exactRows * 2
    let reader = try await reader(after: "DELETE FROM utterance; " + Self.rows(count))
    let few = try reader.summary(DecisionFilter(limit: SummaryBuilder.exactRows)).answerSeconds
    let many = try reader.summary().answerSeconds
    let (exact, near) = (try #require(few), try #require(many))
    #expect(abs(exact.median - 0.54) < 1e-9)
    for (exact, near) in [
      (exact.tenth, near.tenth), (exact.median, near.median), (exact.ninetieth, near.ninetieth),
    ] {
      #expect(near >= exact * 0.999_999 && near <= exact * 1.024)
    }
  }

  @Test(arguments: [
    (0.0, 1.0), (59, 1), (61, 2), (3_500, 60), (86_000, 1_800), (2_000_000, 43_200),
    (60_000_000, 2_419_200), (1_500_000_000, 31_536_000),
  ])
  func bucketsFollowTheSpan(span: Double, length: Double) async throws {
    let overview = try await reader([
      Fixtures.record("first", startTime: 1_000_000.25),
      Fixtures.record("last", startTime: 1_000_000.25 + span),
    ]).overview()
    #expect(overview.timeline.length == length)
    #expect(overview.timeline.buckets.count <= DecisionTimeline.mostBuckets)
    #expect(overview.timeline.buckets.first?.utterances ?? 0 > 0)
    #expect(overview.timeline.buckets.last?.utterances ?? 0 > 0)
    Self.expectStandsAlone(overview)
  }

  @Test func clocksThatWereNotSetAreCountedApart() async throws {
    let overview = try await reader(
      [-5.0, 1e12, 1_700_000_000].enumerated().map {
        Fixtures.record("u\($0.offset)", startTime: $0.element)
      }
    ).overview()
    #expect(overview.summary.utterances == 3)
    #expect(overview.timeline.withoutTime == 2)
    #expect(overview.timeline.buckets.count == 1)
    Self.expectStandsAlone(overview)
    #expect(DecisionReport(overview, name: "l").html.contains("clock that was not set"))
    // None that was set: what is drawn over time is left out.
    let lost = try await reader(after: "UPDATE utterance SET startTime = -1").overview()
    #expect(lost.timeline.withoutTime > 0 && lost.timeline.buckets.isEmpty)
    Self.expectStandsAlone(lost)
  }

  @Test func noWordOfSpeechIsDrawn() async throws {
    let overview = try await reader(
      [Fixtures.record("u", transcript: "XYLOPHONE QUARTZ")], storeTranscripts: true
    ).overview()
    let report = DecisionReport(overview, name: "log.sqlite")
    #expect(!report.html.contains("XYLOPHONE") && !report.svg.contains("QUARTZ"))
  }

  @Test func whatTheLogSaysIsEscaped() async throws {
    let overview = try await reader(
      after: """
        UPDATE utterance SET reason = '<script>"&', fallbackReason = '<b>', origin = 'exit <9>'
        """
    ).overview()
    Self.expectStandsAlone(overview, name: "a<b>&\".sqlite")
    let html = DecisionReport(overview, name: "a<b>").html
    #expect(html.contains("&lt;script&gt;&quot;&amp;") && html.contains("&lt;b&gt;"))
  }

  @Test(arguments: [
    "startTime = 'soon'", "bytesSent = 'many'", "answerSeconds = x'00'", "reason = x'00'",
  ])
  func valuesOfAnotherTypeAreNamed(change: String) async throws {
    let reader = try await reader(after: "UPDATE utterance SET \(change)")
    let error = #expect(throws: DecisionLogError.self) { try reader.overview() }
    #expect("\(try #require(error))".contains("the column \(change.prefix { $0 != " " }) "))
  }

  @Test func absurdNumbersAreDrawnAllTheSame() async throws {
    let overview = try await reader(
      after: """
        UPDATE utterance SET answerSeconds = 9e999, bytesSent = 9223372036854775807, bytesReceived = -5,
          predictedTotal = -1e300, actualTotal = 9e999, durationSeconds = 1e300
        """
    ).overview(deadline: 2)
    #expect(overview.timeline.late == 1)
    Self.expectStandsAlone(overview)
  }

  /// Thousands of kinds of reasons, as a broken writer might leave them.
  @Test func kindsAreBounded() async throws {
    let overview = try await reader(
      after: Self.rows(3_000) + "UPDATE utterance SET reason = 'r' || sequence, origin = reason"
    ).overview()
    #expect(overview.summary.byReason.count <= 101)
    #expect(overview.summary.byReason["other"] ?? 0 > 2_800)
    #expect(overview.timeline.buckets.allSatisfy { $0.reasons.count <= 25 })
  }

  /// A row is a hundred times as long as what a summary needs of it.
  @Test(arguments: [
    DecisionFilter(), DecisionFilter(origin: "edge"), DecisionFilter(policy: "bandit"),
    DecisionFilter(since: Date(timeIntervalSince1970: 5)),
  ])
  func summariesReadTheIndexAndNotTheRows(filter: DecisionFilter) async throws {
    _ = try await reader([Fixtures.record("u")])
    let queue = try DatabaseQueue(path: folder.file("log.sqlite"))
    for columns in ["startTime", SummaryRow.columns] {
      let query = filter.query(columns: columns)
      let plan = try await queue.read { database in
        try Row.fetchAll(
          database, sql: "EXPLAIN QUERY PLAN " + query.sql, arguments: query.arguments
        ).map { $0["detail"] as String }
      }
      #expect(plan.allSatisfy { $0.contains("COVERING INDEX") }, "\(plan)")
    }
  }

  /// A log as version 1 of the schema made it, without `propensity`.
  @Test func olderLogsAreDrawn() throws {
    let path = folder.file("old.sqlite")
    let queue = try DatabaseQueue(path: path)
    try Schema.migrator.migrate(queue, upTo: "1")
    try queue.write { try $0.execute(sql: Self.rows(100)) }
    #expect(try queue.read { try !$0.columns(in: "utterance").map(\.name).contains("propensity") })
    try queue.close()
    let overview = try DecisionLogReader(path: path).overview(deadline: 2)
    #expect(overview.summary.utterances == 100)
    Self.expectStandsAlone(overview)
    #expect(try DecisionLogReader(path: path).list().allSatisfy { $0.propensity == nil })
  }
}
