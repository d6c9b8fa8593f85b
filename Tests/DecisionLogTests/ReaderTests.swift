import DecisionLog
import Foundation
import Offload
import Testing

@Suite struct ReaderTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Ten rows: answers after 0.1 to 1.0 s, every second by the edge, one fallback.
  func reader() async throws -> DecisionLogReader {
    let path = folder.file("log.sqlite")
    let log = try DecisionLog(path: path)
    for index in 1...10 {
      log.record(
        Fixtures.record(
          "u\(index)", origin: index.isMultiple(of: 2) ? .edge : .exit(1),
          fallback: index == 9 ? .deadline : nil, entropy: index.isMultiple(of: 2) ? 0.5 : 0.1,
          answer: Double(index) / 10, startTime: 1000 + Double(index)))
    }
    await log.close()
    #expect(log.losses.count == 0)
    return try DecisionLogReader(path: path)
  }

  @Test func summaryOfTenRows() async throws {
    let summary = try await reader().summary()
    #expect(summary.utterances == 10)
    #expect(summary.speechSeconds == 30)
    #expect(summary.byOrigin == ["edge": 5, "exit 1": 5])
    #expect(summary.byReason == ["not-confident": 5, "confident": 5])
    #expect(summary.byFallback == ["deadline": 1])
    #expect(summary.offloadRate == 0.5)
    #expect(summary.answerSeconds == Percentiles(tenth: 0.1, median: 0.5, ninetieth: 0.9))
    #expect(summary.bytesSent == 120_000)
    #expect(summary.bytesReceived == 5_000)
    let rows = try await reader().list()
    let predicted = rows.compactMap(\.predictedTotal).reduce(0, +) / 10
    let actual = rows.compactMap(\.actualTotal).reduce(0, +) / 10
    #expect(abs(try #require(summary.meanPredictedCost) - predicted) < 1e-9)
    #expect(abs(try #require(summary.meanActualCost) - actual) < 1e-9)
    #expect(actual > 0)
    #expect(summary.meanLatencyError != nil)
    #expect(summary.description.contains("edge 5, exit 1 5"))
    #expect(summary.description.contains("offload rate  50.0 %"))
  }

  @Test func summaryOfNothing() async throws {
    let summary = try await reader().summary(DecisionFilter(policy: "no such"))
    #expect(summary.utterances == 0)
    #expect(summary.offloadRate == nil)
    #expect(summary.answerSeconds == nil)
    #expect(summary.description.contains("utterances    0"))
  }

  @Test func filtersChooseRows() async throws {
    let reader = try await reader()
    #expect(try reader.list(DecisionFilter(limit: 3)).map(\.id) == ["u8", "u9", "u10"])
    #expect(try reader.list(DecisionFilter(limit: 0)).isEmpty)
    #expect(
      try reader.list(DecisionFilter(origin: "edge")).map(\.id) == ["u2", "u4", "u6", "u8", "u10"])
    #expect(
      try reader.list(
        DecisionFilter(
          since: Date(timeIntervalSince1970: 1003), until: Date(timeIntervalSince1970: 1005))
      ).map(\.id) == ["u3", "u4"])
    #expect(try reader.list(DecisionFilter(policy: "confidence", limit: 100)).count == 10)
  }

  @Test func jsonLinesHoldPredictedAndActualCost() async throws {
    let lines = try await reader().export(as: .jsonl).split(separator: "\n")
    #expect(lines.count == 10)
    for line in lines {
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      #expect(object.count == 29)
      let predictions = try #require(object["predictions"] as? [[String: Any]])
      #expect(!predictions.contains { ($0["cost"] as? [String: Any])?["total"] == nil })
      #expect(predictions.count > 2)
      let actual = try #require(object["actualCost"] as? [String: Any])
      #expect(actual["total"] as? Double == object["actualTotal"] as? Double)
      #expect(object["predictedTotal"] is Double)
      #expect(object["transcript"] is NSNull)
      #expect((object["exits"] as? [Any])?.isEmpty == false)
    }
  }

  @Test func csvIsRectangularWithQuotes() async throws {
    let path = folder.file("quotes.sqlite")
    let log = try DecisionLog(path: path, storeTranscripts: true)
    log.record(Fixtures.record("a,b\"c\nd", transcript: "SAY \"HI\", THEN GO"))
    await log.close()
    let text = try DecisionLogReader(path: path).export(as: .csv)
    let rows = Self.parse(text)
    #expect(rows.count == 2)
    #expect(rows[0].count == 29 && rows[1].count == 29)
    let row = Dictionary(uniqueKeysWithValues: zip(rows[0], rows[1]))
    #expect(row["id"] == "a,b\"c\nd")
    #expect(row["transcript"] == "SAY \"HI\", THEN GO")
    #expect(row["fallbackReason"] == "")
    let decisions = try JSONDecoder().decode(
      [Decision].self, from: Data(try #require(row["decisionsJson"]).utf8))
    #expect(decisions.last?.reason.code == "not-confident")
  }

  /// RFC 4180, read independently of the writer.
  static func parse(_ text: String) -> [[String]] {
    var rows: [[String]] = []
    var row: [String] = []
    var field = ""
    var quoted = false
    var scalars = Array(text.unicodeScalars)[...]
    while let scalar = scalars.popFirst() {
      if quoted {
        if scalar != "\"" {
          field.unicodeScalars.append(scalar)
        } else if scalars.first == "\"" {
          field.unicodeScalars.append(scalars.removeFirst())
        } else {
          quoted = false
        }
      } else if scalar == "\"" {
        quoted = true
      } else if scalar == "," {
        row.append(field)
        field = ""
      } else if scalar == "\r", scalars.first == "\n" {
        scalars.removeFirst()
        rows.append(row + [field])
        row = []
        field = ""
      } else {
        field.unicodeScalars.append(scalar)
      }
    }
    return rows
  }
}
