import GRDB

/// What a summary needs of a row; the index `utteranceSummary` holds the same columns. Every column has been there since version 1 of the schema; none holds a word of speech.
struct SummaryRow {
  var startTime: Double
  var durationSeconds: Double
  var reason: String
  var offloaded: Bool
  var predictedTotal: Double?
  var predictedLatency: Double?
  var bytesSent: Int
  var bytesReceived: Int
  var answerSeconds: Double
  var actualTotal: Double?
  var origin: String
  var fallbackReason: String?

  static let columns =
    "startTime, durationSeconds, reason, offloaded, predictedTotal, predictedLatency, bytesSent, "
    + "bytesReceived, answerSeconds, actualTotal, origin, fallbackReason"

  /// - Throws: `DatabaseError` for a value of another type than the schema has: SQLite itself would keep it.
  init(_ row: Row) throws {
    startTime = try Self.number(row, 0)
    durationSeconds = try Self.number(row, 1)
    reason = try Self.text(row, 2) ?? ""
    offloaded = try Self.number(row, 3) != 0
    predictedTotal = try Self.optionalNumber(row, 4)
    predictedLatency = try Self.optionalNumber(row, 5)
    bytesSent = try Self.count(row, 6)
    bytesReceived = try Self.count(row, 7)
    answerSeconds = try Self.number(row, 8)
    actualTotal = try Self.optionalNumber(row, 9)
    origin = try Self.text(row, 10) ?? ""
    fallbackReason = try Self.text(row, 11)
  }

  static func number(_ row: Row, _ index: Int) throws -> Double {
    guard let value = try optionalNumber(row, index) else { throw wrong(row, index) }
    return value
  }

  private static func optionalNumber(_ row: Row, _ index: Int) throws -> Double? {
    let value: DatabaseValue = row[index]
    switch value.storage {
    case .null: return nil
    case .int64(let number): return Double(number)
    case .double(let number): return number
    case .string, .blob: throw wrong(row, index)
    }
  }

  /// At most 2^50, so that a sum over any number of rows fits.
  private static func count(_ row: Row, _ index: Int) throws -> Int {
    Int(min(max(try number(row, index), 0), 0x1p50))
  }

  private static func text(_ row: Row, _ index: Int) throws -> String? {
    let value: DatabaseValue = row[index]
    switch value.storage {
    case .null: return nil
    case .string(let text): return text
    case .int64, .double, .blob: throw wrong(row, index)
    }
  }

  private static func wrong(_ row: Row, _ index: Int) -> DatabaseError {
    let name = Array(row.columnNames)[index]
    return DatabaseError(message: "the column \(name) of a row holds a value of the wrong type")
  }
}
