import Foundation

/// Logistic regression with a ridge, by Newton's method: small dense problems, a handful of features.
public struct LogisticRegression: Hashable, Sendable {
  public var intercept: Double
  public var weights: [Double]

  public init(intercept: Double, weights: [Double]) {
    self.intercept = intercept
    self.weights = weights
  }

  /// Fits ln(p / (1 - p)) = intercept + Σ weight · feature by maximum likelihood less `ridge`/2 · Σ weight², the weights
  /// being those of features scaled to unit variance. Features that never vary weigh nothing.
  ///
  /// With equal labels throughout the intercept stays finite: one made-up observation of either label is added.
  public init(features: [[Double]], labels: [Bool], ridge: Double = 1, iterations: Int = 50) {
    precondition(features.count == labels.count, "a label for every observation")
    let count = features.count
    let width = features.first?.count ?? 0
    guard count > 0 else {
      self.init(intercept: 0, weights: [])
      return
    }
    let means = (0..<width).map { column in
      features.reduce(0) { $0 + $1[column] } / Double(count)
    }
    let deviations = (0..<width).map { column in
      (features.reduce(0) { $0 + pow($1[column] - means[column], 2) } / Double(count)).squareRoot()
    }
    let scaled = features.map { row in
      [1] + (0..<width).map { deviations[$0] > 1e-12 ? (row[$0] - means[$0]) / deviations[$0] : 0 }
    }
    let size = width + 1
    var beta = [Double](repeating: 0, count: size)
    for _ in 0..<iterations {
      // The made-up pair pulls the intercept towards 0.
      let middle = 1 / (1 + exp(-beta[0]))
      var gradient = [Double](repeating: 0, count: size)
      var hessian = [[Double]](
        repeating: [Double](repeating: 0, count: size), count: size)
      gradient[0] = 1 - 2 * middle
      hessian[0][0] = 2 * middle * (1 - middle)
      for column in 1..<max(1, size) {
        gradient[column] -= ridge * beta[column]
        hessian[column][column] += ridge
      }
      for (row, label) in zip(scaled, labels) {
        let score = zip(row, beta).reduce(0) { $0 + $1.0 * $1.1 }
        let p = 1 / (1 + exp(-score))
        let residual = (label ? 1 : 0) - p
        let curvature = p * (1 - p)
        for i in 0..<size {
          gradient[i] += residual * row[i]
          for j in 0...i { hessian[i][j] += curvature * row[i] * row[j] }
        }
      }
      for i in 0..<size { for j in 0..<i { hessian[j][i] = hessian[i][j] } }
      let step = Self.solve(hessian, gradient)
      // Newton may overshoot where nearly everything is separable: no step is longer than 4.
      let length = step.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let shrink = length > 4 ? 4 / length : 1
      for i in 0..<size { beta[i] += shrink * step[i] }
      if length < 1e-10 { break }
    }
    var weights = [Double](repeating: 0, count: width)
    var intercept = beta[0]
    for column in 0..<width where deviations[column] > 1e-12 {
      weights[column] = beta[column + 1] / deviations[column]
      intercept -= weights[column] * means[column]
    }
    self.init(intercept: intercept, weights: weights)
  }

  /// The probability of a true label.
  public func probability(_ features: [Double]) -> Double {
    1 / (1 + exp(-(intercept + zip(weights, features).reduce(0) { $0 + $1.0 * $1.1 })))
  }

  /// Gaussian elimination with partial pivoting; a direction without curvature gets 0.
  private static func solve(_ matrix: [[Double]], _ vector: [Double]) -> [Double] {
    var a = matrix
    var b = vector
    let size = b.count
    for column in 0..<size {
      let pivot = (column..<size).max { abs(a[$0][column]) < abs(a[$1][column]) } ?? column
      a.swapAt(column, pivot)
      b.swapAt(column, pivot)
      guard abs(a[column][column]) > 1e-12 else { continue }
      for row in (column + 1)..<max(column + 1, size) {
        let factor = a[row][column] / a[column][column]
        guard factor != 0 else { continue }
        for k in column..<size { a[row][k] -= factor * a[column][k] }
        b[row] -= factor * b[column]
      }
    }
    var x = [Double](repeating: 0, count: size)
    for row in stride(from: size - 1, through: 0, by: -1) {
      guard abs(a[row][row]) > 1e-12 else { continue }
      let rest = (row + 1..<max(row + 1, size)).reduce(0) { $0 + a[row][$1] * x[$1] }
      x[row] = (b[row] - rest) / a[row][row]
    }
    return x
  }
}
