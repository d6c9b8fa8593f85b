import Foundation

/// How sure a frame's posteriors are, from their entropy (arXiv 2212.08703): 1 for one certain token, 0 for all alike.
///
/// Tsallis' entropy H = (1 - Σ p^α) / (α - 1) with α = 1/3, which listens to the small probabilities more than Shannon's does,
/// scaled exponentially: (e^-H - e^-Hmax) / (1 - e^-Hmax).
struct FrameCertainty {
  private static let order = 1.0 / 3
  private let least: Double

  /// - Parameter tokens: the number of posteriors, V.
  init(tokens: Int) {
    let highest = (pow(Double(max(1, tokens)), 1 - Self.order) - 1) / (1 - Self.order)
    least = exp(-highest)
  }

  /// - Parameter logPosteriors: natural logarithms, V of them.
  func of(_ logPosteriors: some Sequence<Float>) -> Double {
    var sum = 0.0
    for value in logPosteriors where value > -60 { sum += Double(exp(value * Float(Self.order))) }
    let entropy = (sum - 1) / (1 - Self.order)
    return least < 1 ? min(1, max(0, (exp(-entropy) - least) / (1 - least))) : 1
  }
}
