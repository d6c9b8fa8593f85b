/// What a log says of another policy's mean cost an utterance, in cost units.
public struct ReplayReport: Hashable, Codable, Sendable {
  /// The other policy's name.
  public var policy: String
  /// Rows that could be replayed.
  public var rows: Int
  /// Rows that could not, by reason.
  public var leftOut: [String: Int]
  /// What the logged policy cost.
  public var logged: ReplayEstimate?
  /// Rows that hold what the other policy would have met.
  public var exactRows: Int
  /// The other policy's cost; defined only if every row holds what it would have met.
  public var exact: ReplayEstimate?
  /// The other policy's cost by the predictions alone: as wrong as they are.
  public var predicted: ReplayEstimate?
  /// By inverse propensity (Horvitz and Thompson, JASA 1952); nil where it is not defined.
  public var inversePropensity: ReplayEstimate?
  /// Doubly robust (Dudík, Langford and Li, ICML 2011; sequential as in Jiang and Li, ICML 2016); nil where it
  /// is not defined.
  public var doublyRobust: ReplayEstimate?
  /// Rows in which the other policy does what the logged one would never have done. Not 0: neither of the two is
  /// defined.
  public var unsupportedRows: Int
  /// Kish's effective number of rows behind the weights: (sum of weights)^2 / sum of squared weights.
  public var effectiveRows: Double
  /// Share of the rows in which the other policy would have offloaded; nil without rows.
  public var offloadRate: Double?

  /// - Parameter seed: of the bootstrap.
  public init(
    policy: String, utterances: [ReplayedUtterance], leftOut: [String: Int] = [:], seed: UInt64 = 0
  ) {
    self.policy = policy
    self.leftOut = leftOut
    rows = utterances.count
    logged = ReplayEstimate(utterances.map(\.loggedCost), seed: seed)
    let exactCosts = utterances.compactMap(\.exactCost)
    exactRows = exactCosts.count
    exact = exactRows == rows ? ReplayEstimate(exactCosts, seed: seed) : nil
    predicted = ReplayEstimate(utterances.map(\.predicted), seed: seed)
    unsupportedRows = utterances.count { $0.verdict == .unsupported }
    if unsupportedRows == 0 {
      inversePropensity = ReplayEstimate(utterances.map(\.inversePropensity), seed: seed)
      doublyRobust = ReplayEstimate(utterances.map(\.doublyRobust), seed: seed)
    }
    let weights = utterances.map(\.weight)
    let squares = weights.reduce(0) { $0 + $1 * $1 }
    let sum = weights.reduce(0, +)
    effectiveRows = squares > 0 ? sum * sum / squares : 0
    offloadRate = rows > 0 ? Double(utterances.count { $0.offloads }) / Double(rows) : nil
  }
}

extension ReplayReport: CustomStringConvertible {
  /// A few lines for a terminal.
  public var description: String {
    func short(_ value: Double) -> String { "\((value * 1000).rounded() / 1000)" }
    func text(_ estimate: ReplayEstimate?, otherwise: String) -> String {
      estimate.map { "\(short($0.mean)) (\(short($0.lower)) to \(short($0.upper)))" } ?? otherwise
    }
    let support =
      rows == 0
      ? "not defined: no row can be replayed"
      : "not defined: in \(unsupportedRows) of \(rows) rows the logged policy would never have done what "
        + "\(policy) does. Log with a policy that explores"
    let left = leftOut.sorted { $0.key < $1.key }.map { "\($0.value) (\($0.key))" }
    return """
      policy              \(policy)
      rows                \(rows)\(left.isEmpty ? "" : ", left out " + left.joined(separator: ", "))
      offload rate        \(offloadRate.map { short($0 * 100) + " %" } ?? "-")
      mean cost, logged   \(text(logged, otherwise: "-"))
      exact               \(text(exact, otherwise: "\(exactRows) of \(rows) rows hold what it would have met"))
      inverse propensity  \(text(inversePropensity, otherwise: support))
      doubly robust       \(text(doublyRobust, otherwise: support))
      predicted only      \(text(predicted, otherwise: "-"))
      effective rows      \(short(effectiveRows))
      """
  }
}
