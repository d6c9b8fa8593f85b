import Plotting

/// A decision log over time, in buckets of equal length: the same memory for ten rows or ten million.
public struct DecisionTimeline: Sendable {
  /// How an utterance was answered.
  public enum Way: Int, CaseIterable, Sendable {
    /// By an exit, and the edge was not asked.
    case device
    case edge
    /// The edge was asked, and the device answered itself.
    case fallback
    /// Not at all.
    case none
  }

  /// One stretch of time.
  public struct Bucket: Sendable {
    public var utterances = 0
    /// Utterances whose features were shipped.
    public var offloads = 0
    /// By `Way.rawValue`.
    public var ways = [Int](repeating: 0, count: Way.allCases.count)
    public var reasons: [String: Int] = [:]
    public var fallbacks: [String: Int] = [:]
    public var bytesSent = 0.0
    public var bytesReceived = 0.0
    /// Seconds from the end of the utterance to the answer.
    public var answers = LatencyHistogram()
    /// Sums of cost units over rows that hold both costs, and how many those are.
    public var predicted = 0.0
    public var actual = 0.0
    public var costs = 0
  }

  /// At most so many buckets.
  public static let mostBuckets = 60
  /// Kinds of reasons and failures that are told apart; what comes after counts as `other`.
  static let mostKinds = 24

  private static let lengths: [Double] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
    86_400, 172_800, 604_800, 2_419_200, 7_862_400, 31_536_000, 157_680_000,
  ]

  /// When the first bucket begins, in seconds since 1970: a multiple of the length. 0 without rows.
  public let begin: Double
  /// Seconds of a bucket.
  public let length: Double
  public private(set) var buckets: [Bucket]
  /// Seconds to the answer by `Way.rawValue`.
  public private(set) var answers = [LatencyHistogram](
    repeating: LatencyHistogram(), count: Way.allCases.count)
  /// Predicted cost (x) and actual cost (y) of utterances that have both.
  public private(set) var costs: [DensityPlot.Cell: Int] = [:]
  /// Answers that came more than a tenth of a second after the deadline; nil if no deadline was given.
  public private(set) var late: Int?
  /// Rows whose time of day is unknown, and that are in no bucket.
  public private(set) var withoutTime = 0
  /// Seconds.
  public let deadline: Double?

  init(_ span: TimeSpan, deadline: Double?) {
    self.deadline = deadline
    late = deadline.map { _ in 0 }
    guard let range = span.range else {
      begin = 0
      length = Self.lengths[0]
      buckets = []
      return
    }
    func count(_ length: Double) -> Int {
      Int((range.upperBound / length).rounded(.down) - (range.lowerBound / length).rounded(.down))
        + 1
    }
    length =
      Self.lengths.first { count($0) <= Self.mostBuckets } ?? Self.lengths[Self.lengths.count - 1]
    begin = (range.lowerBound / length).rounded(.down) * length
    buckets = Array(repeating: Bucket(), count: count(length))
  }

  /// From the beginning of the first bucket to the end of the last; nil without rows.
  public var range: ClosedRange<Double>? {
    buckets.isEmpty ? nil : begin...begin + length * Double(buckets.count)
  }

  /// Where a bucket begins and ends.
  public func span(_ bucket: Int) -> ClosedRange<Double> {
    begin + length * Double(bucket)...begin + length * Double(bucket + 1)
  }

  mutating func add(_ row: SummaryRow) {
    let way: Way =
      switch row.origin {
      case "edge": .edge
      case "none": .none
      default: row.fallbackReason == nil ? .device : .fallback
      }
    answers[way.rawValue].add(row.answerSeconds)
    if let deadline, row.answerSeconds > deadline + 0.1 { late = (late ?? 0) + 1 }
    let predicted = row.predictedTotal.flatMap { $0.isFinite ? $0 : nil }
    let actual = row.actualTotal.flatMap { $0.isFinite ? $0 : nil }
    if let predicted, let actual, let cell = DensityPlot.Cell(predicted, actual) {
      costs[cell, default: 0] += 1
    }
    guard TimeSpan.usable.contains(row.startTime), !buckets.isEmpty else {
      withoutTime += 1
      return
    }
    let place = Int(((row.startTime - begin) / length).rounded(.down))
    buckets[min(max(place, 0), buckets.count - 1)].add(row, way, predicted, actual)
  }
}

extension DecisionTimeline.Bucket {
  fileprivate mutating func add(
    _ row: SummaryRow, _ way: DecisionTimeline.Way, _ predicted: Double?, _ actual: Double?
  ) {
    utterances += 1
    if row.offloaded { offloads += 1 }
    ways[way.rawValue] += 1
    Self.count(row.reason, in: &reasons)
    if let fallback = row.fallbackReason { Self.count(fallback, in: &fallbacks) }
    bytesSent += Double(row.bytesSent)
    bytesReceived += Double(row.bytesReceived)
    answers.add(row.answerSeconds)
    if let predicted, let actual {
      self.predicted += predicted
      self.actual += actual
      costs += 1
    }
  }

  fileprivate static func count(_ kind: String, in counts: inout [String: Int]) {
    let isKnown = counts[kind] != nil || counts.count < DecisionTimeline.mostKinds
    counts[isKnown ? kind : "other", default: 0] += 1
  }
}
