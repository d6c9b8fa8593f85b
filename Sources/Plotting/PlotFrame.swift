import Foundation

/// Two axes with round numbers: what all drawings with coordinates stand in.
struct PlotFrame {
  static let left = 62.0
  static let right = 14.0
  /// Room for the vertical axis's name, which lies: upright it would meet the numbers in a narrow window.
  static let top = 28.0
  static let bottom = 44.0

  var width: Double
  var height: Double
  var xLabel: String
  var yLabel: String
  var xScale = Plot.Scale.linear
  var yScale = Plot.Scale.linear
  var xRange: ClosedRange<Double>
  var yRange: ClosedRange<Double>
  /// nil: round numbers.
  var xTicks: [Tick]?

  /// Grid, labels and the axes' names.
  var elements: String {
    var text = ""
    for tick in xTicks ?? Self.ticks(xRange, xScale, count: 8) {
      let x = Plot.short(x(tick.value))
      // At the very edge half of a label would be cut off.
      let isLast = width - self.x(tick.value) < Double(tick.label.count) * 4
      text +=
        "<line class=\"grid\" x1=\"\(x)\" x2=\"\(x)\" y1=\"\(Plot.short(Self.top))\" y2=\"\(Plot.short(height - Self.bottom))\"/>"
      text +=
        "<text class=\"tick\" text-anchor=\"\(isLast ? "end" : "middle")\" x=\"\(isLast ? Plot.short(width - 1) : x)\" y=\"\(Plot.short(height - Self.bottom + 16))\">\(HTMLText.escape(tick.label))</text>\n"
    }
    for tick in Self.ticks(yRange, yScale, count: 5) {
      let y = y(tick.value)
      text +=
        "<line class=\"grid\" x1=\"\(Plot.short(Self.left))\" x2=\"\(Plot.short(width - Self.right))\" y1=\"\(Plot.short(y))\" y2=\"\(Plot.short(y))\"/>"
      text +=
        "<text class=\"tick\" text-anchor=\"end\" x=\"\(Plot.short(Self.left - 6))\" y=\"\(Plot.short(y + 4))\">\(HTMLText.escape(tick.label))</text>\n"
    }
    text +=
      "<text class=\"axis\" text-anchor=\"middle\" x=\"\(Plot.short((Self.left + width - Self.right) / 2))\" y=\"\(Plot.short(height - 8))\">\(HTMLText.escape(xLabel))</text>"
    return text
      + "<text class=\"axis\" x=\"4\" y=\"14\">\(HTMLText.escape(yLabel))</text>\n"
  }

  /// Values outside the range lie on its edge.
  func x(_ value: Double) -> Double {
    Self.left + Self.share(value, xRange, xScale) * (width - Self.left - Self.right)
  }

  func y(_ value: Double) -> Double {
    height - Self.bottom - Self.share(value, yRange, yScale) * (height - Self.bottom - Self.top)
  }

  private static func share(_ value: Double, _ range: ClosedRange<Double>, _ scale: Plot.Scale)
    -> Double
  {
    func place(_ value: Double) -> Double {
      scale == .linear ? value : log10(max(value, 1e-9))
    }
    let low = place(range.lowerBound)
    let high = place(range.upperBound)
    return min(max((place(value) - low) / max(high - low, 1e-12), 0), 1)
  }

  private static func ticks(_ range: ClosedRange<Double>, _ scale: Plot.Scale, count: Int)
    -> [Tick]
  {
    guard scale == .logarithmic else {
      return Plot.ticks(range, count: count).map { Tick($0, HTMLText.number($0)) }
    }
    // Ones, twos and fives, unless that is too many.
    let decades = log10(range.upperBound / max(range.lowerBound, 1e-9))
    let factors: [Double] =
      decades > Double(count) * 0.9 ? [1] : decades > Double(count) / 3 ? [1, 3] : [1, 2, 5]
    var ticks: [Tick] = []
    for exponent in -6...6 {
      for factor in factors {
        let tick = factor * pow(10, Double(exponent))
        if range.contains(tick * 1.000_001) || range.contains(tick) {
          ticks.append(Tick(tick, HTMLText.number(tick)))
        }
      }
    }
    return ticks
  }
}
