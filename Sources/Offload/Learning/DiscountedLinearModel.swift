/// Linear regression with four features that forgets: y is about theta · x, with older observations counting less.
///
/// Discounted ridge regression, as in D-LinUCB (Russac, Vernade and Cappé, NeurIPS 2019, algorithm 1), shrunk
/// towards a first guess instead of towards zero. The ridge is not discounted, so that after long silence the model
/// returns to its first guess instead of to whatever it saw last, and its uncertainty grows back.
struct DiscountedLinearModel: Hashable, Codable, Sendable {
  /// Expected y for one unit of each feature, as observed so far.
  private(set) var theta: SIMD4<Double>
  /// Running standard deviation of what the model did not foresee, in units of y.
  private(set) var deviation: Double
  private let prior: SIMD4<Double>
  private let ridge: SIMD4<Double>
  private let discount: Double
  private var moments = [SIMD4<Double>](repeating: .zero, count: 4)
  private var products = SIMD4<Double>.zero
  private var inverse: [SIMD4<Double>]
  /// Discounted sums of squared residuals and of their weights.
  private var residualSquares: Double
  private var residualWeight: Double

  /// - Parameters:
  ///   - prior: the first guess of theta.
  ///   - scale: the usual size of each feature.
  ///   - strength: how many observations of usual size the first guess is worth.
  ///   - deviation: the first guess of the standard deviation, in units of y.
  ///   - memory: steps after which an observation counts 1/e.
  init(
    prior: SIMD4<Double>, scale: SIMD4<Double>, strength: Double, deviation: Double, memory: Double
  ) {
    theta = prior
    self.prior = prior
    self.deviation = deviation
    ridge = strength * scale * scale
    discount = exponential(-1 / max(memory, 1))
    inverse = (0..<4).map { index in
      var row = SIMD4<Double>.zero
      row[index] = 1 / (strength * scale[index] * scale[index])
      return row
    }
    residualSquares = deviation * deviation
    residualWeight = 1
  }

  /// Expected y, and the half-width √(xᵀ A⁻¹ x) of its confidence ellipsoid in standard deviations.
  func predict(_ x: SIMD4<Double>) -> (mean: Double, width: Double) {
    var quadratic = 0.0
    for row in 0..<4 { quadratic += x[row] * (inverse[row] * x).sum() }
    return ((theta * x).sum(), max(quadratic, 0).squareRoot())
  }

  /// A step has passed: everything seen counts less.
  mutating func forget() {
    for row in 0..<4 { moments[row] *= discount }
    products *= discount
    solve()
  }

  /// Learns that `x` came with `y`.
  mutating func observe(_ x: SIMD4<Double>, _ y: Double) {
    let residual = y - predict(x).mean
    // A surprise of this size is seldom noise: link or edge has changed, and what was seen before counts a
    // quarter, as `LinkEstimator` has it after an outage.
    if abs(residual) > 3 * deviation {
      for row in 0..<4 { moments[row] *= 0.25 }
      products *= 0.25
    }
    // Forgets by observations, not by steps: rare observations would leave nothing to compare with.
    residualSquares = residualSquares * 0.9 + residual * residual
    residualWeight = residualWeight * 0.9 + 1
    deviation = (residualSquares / residualWeight).squareRoot()
    for row in 0..<4 { moments[row] += x[row] * x }
    products += y * x
    solve()
  }

  /// theta = prior + A⁻¹ (b - S prior) with A = S + ridge, by Gauss-Jordan. A is positive definite, so no pivoting.
  private mutating func solve() {
    var left = moments
    for row in 0..<4 { left[row][row] += ridge[row] }
    var right = (0..<4).map { index in
      var row = SIMD4<Double>.zero
      row[index] = 1
      return row
    }
    for pivot in 0..<4 {
      let scale = 1 / left[pivot][pivot]
      left[pivot] *= scale
      right[pivot] *= scale
      for row in 0..<4 where row != pivot {
        let factor = left[row][pivot]
        left[row] -= factor * left[pivot]
        right[row] -= factor * right[pivot]
      }
    }
    inverse = right
    var rest = products
    for row in 0..<4 { rest[row] -= (moments[row] * prior).sum() }
    theta = prior
    for row in 0..<4 { theta[row] += (right[row] * rest).sum() }
  }
}
