import GRDB
import Offload

/// Writes one record as one row.
enum RowWriter {
  private static let sql = """
    INSERT OR REPLACE INTO utterance (
      id, startTime, durationSeconds, signalToNoiseDecibels, exitsJson, linkJson, edgeJson,
      predictionsJson, decisionsJson, policy, reason, offloaded, predictedTotal, predictedLatency,
      bytesSent, bytesReceived, answerSeconds, timesJson, actualTotal, actualCostJson, origin,
      fallbackReason, modelFingerprint, deviceClass, transcript, propensity,
      speculation, bytesAhead
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    """

  static func insert(_ record: DecisionRecord, storeTranscript: Bool, into database: Database)
    throws
  {
    let last = record.decisions.last
    let chain = DecisionChain(record.decisions)
    let arguments: [(any DatabaseValueConvertible)?] = [
      record.id, record.startTime.timeIntervalSince1970, record.durationSeconds,
      record.signalToNoise,
      try StoredDecision.encode(record.exits), try StoredDecision.encode(record.link),
      try StoredDecision.encode(record.edge), try StoredDecision.encode(last?.predictions ?? []),
      try StoredDecision.encode(record.decisions), record.policy,
      last?.reason.code ?? "no-decision", last?.action.isOffload ?? false, chain.predictedTotal,
      chain.predictedLatency, record.bytesSent, record.bytesReceived, record.times.answer,
      try StoredDecision.encode(record.times), record.actualCost?.total,
      try record.actualCost.map { try StoredDecision.encode($0) }, record.origin.description,
      record.fallbackReason?.rawValue, record.modelFingerprint, record.deviceClass.rawValue,
      // The one place where a transcript can reach the file.
      storeTranscript ? record.transcript : nil,
      chain.propensity, record.speculation?.outcome.rawValue, record.speculation?.bytesAhead,
    ]
    try database.cachedStatement(sql: sql).execute(arguments: StatementArguments(arguments))
  }
}
