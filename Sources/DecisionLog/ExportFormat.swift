import Foundation

/// How rows are exported.
public enum ExportFormat: String, CaseIterable, Sendable {
  /// One JSON object a line; the JSON columns are objects of their own, without `Json` in their names.
  case jsonl
  /// RFC 4180 with a header line; the JSON columns are text.
  case csv

  /// The first line, if the format has one.
  var header: String? {
    self == .csv ? Self.columns.map(\.name).joined(separator: ",") + "\r\n" : nil
  }

  func line(_ row: StoredDecision) throws -> String {
    switch self {
    case .jsonl: try Self.jsonLine(row)
    case .csv:
      Self.columns.map { Self.quoted($0.text(row)) }.joined(separator: ",") + "\r\n"
    }
  }

  private static func jsonLine(_ row: StoredDecision) throws -> String {
    // Each column is already JSON or becomes it; put together by hand, numbers keep every digit.
    var parts: [String] = []
    for column in columns {
      let text = column.text(row)
      if text.isEmpty, column.isOptional {
        parts.append("\"\(column.jsonName)\":null")
        continue
      }
      let value = column.isText ? try StoredDecision.encode(text) : text
      parts.append("\"\(column.jsonName)\":\(value)")
    }
    return "{" + parts.joined(separator: ",") + "}\n"
  }

  private static func quoted(_ text: String) -> String {
    guard text.contains(where: { ",\"\r\n".contains($0) }) || text.contains("\r\n") else {
      return text
    }
    return "\"" + text.replacingOccurrences(of: "\"", with: "\"\"") + "\""
  }

  private struct Column: Sendable {
    var name: String
    var isText: Bool
    var isOptional: Bool
    var text: @Sendable (StoredDecision) -> String

    var jsonName: String { name.hasSuffix("Json") ? String(name.dropLast(4)) : name }

    static func text(_ name: String, _ get: @escaping @Sendable (StoredDecision) -> String?)
      -> Column
    {
      Column(name: name, isText: true, isOptional: true) { get($0) ?? "" }
    }

    static func raw(_ name: String, _ get: @escaping @Sendable (StoredDecision) -> String?)
      -> Column
    {
      Column(name: name, isText: false, isOptional: true) { get($0) ?? "" }
    }
  }

  private static let columns: [Column] = [
    .raw("sequence") { "\($0.sequence)" },
    .text("id") { $0.id },
    .raw("startTime") { "\($0.startTime)" },
    .raw("durationSeconds") { "\($0.durationSeconds)" },
    .raw("signalToNoiseDecibels") { $0.signalToNoiseDecibels.map { "\($0)" } },
    .raw("exitsJson") { $0.exitsJson },
    .raw("linkJson") { $0.linkJson },
    .raw("edgeJson") { $0.edgeJson },
    .raw("predictionsJson") { $0.predictionsJson },
    .raw("decisionsJson") { $0.decisionsJson },
    .text("policy") { $0.policy },
    .text("reason") { $0.reason },
    .raw("offloaded") { $0.offloaded ? "true" : "false" },
    .raw("predictedTotal") { $0.predictedTotal.map { "\($0)" } },
    .raw("predictedLatency") { $0.predictedLatency.map { "\($0)" } },
    .raw("bytesSent") { "\($0.bytesSent)" },
    .raw("bytesReceived") { "\($0.bytesReceived)" },
    .raw("answerSeconds") { "\($0.answerSeconds)" },
    .raw("timesJson") { $0.timesJson },
    .raw("actualTotal") { $0.actualTotal.map { "\($0)" } },
    .raw("actualCostJson") { $0.actualCostJson },
    .text("origin") { $0.origin },
    .text("fallbackReason") { $0.fallbackReason },
    .text("modelFingerprint") { $0.modelFingerprint },
    .text("deviceClass") { $0.deviceClass },
    .text("transcript") { $0.transcript },
    .raw("propensity") { $0.propensity.map { "\($0)" } },
    .text("speculation") { $0.speculation },
    .raw("bytesAhead") { $0.bytesAhead.map { "\($0)" } },
  ]
}
