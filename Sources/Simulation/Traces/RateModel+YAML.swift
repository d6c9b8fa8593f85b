import Foundation
import Plotting

extension RateModel {
  /// The model as a scenario's `link.fallback`; probabilities in thousandths, with rows that sum to 1.
  public func yaml(indentation: Int, comment: String) -> String {
    let indent = String(repeating: " ", count: indentation)
    var lines = ["\(indent)# \(comment).", "\(indent)fallback:"]
    func add(_ key: String, _ value: String) { lines.append("\(indent)  \(key): \(value)") }
    switch self {
    case .constant(let rate):
      add("kind", "constant")
      add("megabitsPerSecond", HTMLText.number(rate, digits: 4))
    case .gilbertElliott(let good, let bad, let goodSeconds, let badSeconds):
      add("kind", "gilbertElliott")
      add("goodMegabitsPerSecond", HTMLText.number(good, digits: 4))
      add("badMegabitsPerSecond", HTMLText.number(bad, digits: 4))
      add("goodSeconds", HTMLText.number(goodSeconds, digits: 4))
      add("badSeconds", HTMLText.number(badSeconds, digits: 4))
    case .markov(let step, let rates, let rows):
      add("kind", "markov")
      add("stepSeconds", HTMLText.number(step, digits: 4))
      add(
        "megabitsPerSecond",
        "[" + rates.map { HTMLText.number($0, digits: 3) }.joined(separator: ", ") + "]")
      lines.append("\(indent)  rows:")
      for row in rows {
        lines.append(
          "\(indent)    - ["
            + Self.thousandths(row).map { HTMLText.number(Double($0) / 1000, digits: 3) }
            .joined(separator: ", ") + "]")
      }
    }
    return lines.joined(separator: "\n")
  }

  /// Rounded so that the sum stays 1000: what rounding took goes to the largest.
  private static func thousandths(_ row: [Double]) -> [Int] {
    var rounded = row.map { Int(($0 * 1000).rounded()) }
    if let largest = rounded.indices.max(by: { rounded[$0] < rounded[$1] }) {
      rounded[largest] += 1000 - rounded.reduce(0, +)
    }
    return rounded
  }
}
