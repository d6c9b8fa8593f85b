/// How many words an utterance has, going by its length and by how much an exit found in it: turns error rates
/// into errors. Two straight lines, fitted by least squares on dev data.
public struct ExpectedWords: Hashable, Codable, Sendable {
  /// Words = intercept + perToken * tokens + perSecond * seconds, where an exit has spoken.
  public var intercept: Double
  public var perToken: Double
  public var perSecond: Double
  /// Words = bareIntercept + barePerSecond * seconds, before any has.
  public var bareIntercept: Double
  public var barePerSecond: Double

  /// Words to expect, never less than one: something was said.
  /// - Parameter tokens: in the exit's transcript; nil before the first exit.
  public func count(tokens: Int?, seconds: Double) -> Double {
    guard let tokens else { return max(1, bareIntercept + barePerSecond * seconds) }
    return max(1, intercept + perToken * Double(tokens) + perSecond * seconds)
  }

  /// One observed utterance.
  public struct Observation: Hashable, Sendable {
    public var tokens: Int
    public var seconds: Double
    public var words: Int

    public init(tokens: Int, seconds: Double, words: Int) {
      self.tokens = tokens
      self.seconds = seconds
      self.words = words
    }
  }

  /// nil with fewer than ten observations: then what the costs assume is as good.
  public init?(fitting observations: [Observation]) {
    guard observations.count >= 10 else { return nil }
    let words = observations.map { Double($0.words) }
    let full = Self.leastSquares(
      observations.map { [1, Double($0.tokens), $0.seconds] }, words)
    let bare = Self.leastSquares(observations.map { [1, $0.seconds] }, words)
    guard let full, let bare else { return nil }
    intercept = full[0]
    perToken = full[1]
    perSecond = full[2]
    bareIntercept = bare[0]
    barePerSecond = bare[1]
  }

  /// Solves the normal equations, with a little weight on coefficients of 0 so that inputs which never vary do no
  /// harm; nil if a number overflows.
  private static func leastSquares(_ rows: [[Double]], _ targets: [Double]) -> [Double]? {
    let size = rows[0].count
    var matrix = Array(repeating: Array(repeating: 0.0, count: size + 1), count: size)
    for (row, target) in zip(rows, targets) {
      for i in 0..<size {
        for j in 0..<size { matrix[i][j] += row[i] * row[j] }
        matrix[i][size] += row[i] * target
      }
    }
    for i in 0..<size { matrix[i][i] += 1e-6 * Double(rows.count) }
    // Positive definite, so no pivoting.
    for pivot in 0..<size {
      let scale = 1 / matrix[pivot][pivot]
      for column in pivot...size { matrix[pivot][column] *= scale }
      for row in 0..<size where row != pivot {
        let factor = matrix[row][pivot]
        for column in pivot...size { matrix[row][column] -= factor * matrix[pivot][column] }
      }
    }
    let solution = matrix.map { $0[size] }
    return solution.allSatisfy(\.isFinite) ? solution : nil
  }
}
