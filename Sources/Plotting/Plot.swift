import Foundation

/// A line plot as SVG: axes with round numbers, a legend beside it, no script.
public struct Plot: Sendable {
  public struct Series: Sendable {
    public var name: String
    public var points: [(x: Double, y: Double)]
    public var color: String
    /// Such as "6 3"; nil: a full line.
    public var dashes: String?
    public var isBold: Bool
    /// Whether values hold until the next one.
    public var isStaircase: Bool

    public init(
      name: String, points: [(x: Double, y: Double)], color: String, dashes: String? = nil,
      isBold: Bool = false, isStaircase: Bool = false
    ) {
      self.name = name
      self.points = points
      self.color = color
      self.dashes = dashes
      self.isBold = isBold
      self.isStaircase = isStaircase
    }
  }

  public enum Scale: Sendable { case linear, logarithmic }

  public var title: String
  public var xLabel: String
  public var yLabel: String
  public var xScale: Scale
  public var xRange: ClosedRange<Double>
  public var yRange: ClosedRange<Double>
  public var series: [Series]
  public var width: Double
  public var height: Double

  public init(
    title: String, xLabel: String, yLabel: String, xScale: Scale = .linear,
    xRange: ClosedRange<Double>, yRange: ClosedRange<Double>, series: [Series],
    width: Double = 640, height: Double = 280
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.xScale = xScale
    self.xRange = xRange
    self.yRange = yRange
    self.series = series
    self.width = width
    self.height = height
  }

  private static let left = 62.0
  private static let right = 14.0
  private static let top = 14.0
  private static let bottom = 44.0

  public var svg: String {
    var text =
      "<svg viewBox=\"0 0 \(Self.short(width)) \(Self.short(height))\" role=\"img\" aria-label=\"\(HTMLText.escape(title))\">\n"
    for tick in xTicks {
      let x = self.x(tick)
      text +=
        "<line class=\"grid\" x1=\"\(Self.short(x))\" x2=\"\(Self.short(x))\" y1=\"\(Self.short(Self.top))\" y2=\"\(Self.short(height - Self.bottom))\"/>"
      text +=
        "<text class=\"tick\" text-anchor=\"middle\" x=\"\(Self.short(x))\" y=\"\(Self.short(height - Self.bottom + 16))\">\(Self.label(tick))</text>\n"
    }
    for tick in Self.ticks(yRange, count: 5) {
      let y = self.y(tick)
      text +=
        "<line class=\"grid\" x1=\"\(Self.short(Self.left))\" x2=\"\(Self.short(width - Self.right))\" y1=\"\(Self.short(y))\" y2=\"\(Self.short(y))\"/>"
      text +=
        "<text class=\"tick\" text-anchor=\"end\" x=\"\(Self.short(Self.left - 6))\" y=\"\(Self.short(y + 4))\">\(Self.label(tick))</text>\n"
    }
    text +=
      "<text class=\"axis\" text-anchor=\"middle\" x=\"\(Self.short((Self.left + width - Self.right) / 2))\" y=\"\(Self.short(height - 8))\">\(HTMLText.escape(xLabel))</text>"
    let middle = (Self.top + height - Self.bottom) / 2
    text +=
      "<text class=\"axis\" text-anchor=\"middle\" transform=\"translate(14 \(Self.short(middle))) rotate(-90)\">\(HTMLText.escape(yLabel))</text>\n"
    for line in series where !line.points.isEmpty {
      text +=
        "<path fill=\"none\" stroke=\"\(line.color)\" stroke-width=\"\(line.isBold ? 2.6 : 1.5)\""
      if let dashes = line.dashes { text += " stroke-dasharray=\"\(dashes)\"" }
      text += " d=\"\(path(line))\"><title>\(HTMLText.escape(line.name))</title></path>\n"
    }
    return text + "</svg>\n"
  }

  /// The lines' names beside a piece of each.
  public var legend: String {
    "<ul class=\"legend\">"
      + series.map { line in
        "<li><svg class=\"key\" viewBox=\"0 0 26 8\"><line x1=\"1\" x2=\"25\" y1=\"4\" y2=\"4\" stroke=\"\(line.color)\" stroke-width=\"\(line.isBold ? 3 : 2)\""
          + (line.dashes.map { " stroke-dasharray=\"\($0)\"" } ?? "")
          + "/></svg>\(HTMLText.escape(line.name))</li>"
      }.joined() + "</ul>\n"
  }

  private func path(_ line: Series) -> String {
    var text = ""
    var last: Double?
    for point in line.points {
      let x = Self.short(self.x(point.x))
      let y = Self.short(self.y(point.y))
      if line.isStaircase, let last { text += "L\(x) \(Self.short(last))" }
      text += (text.isEmpty ? "M" : "L") + "\(x) \(y)"
      last = self.y(point.y)
    }
    return text
  }

  private func x(_ value: Double) -> Double {
    func place(_ value: Double) -> Double { xScale == .linear ? value : log10(max(value, 1e-9)) }
    let low = place(xRange.lowerBound)
    let high = place(xRange.upperBound)
    let share = (place(value) - low) / max(high - low, 1e-12)
    return Self.left + min(max(share, 0), 1) * (width - Self.left - Self.right)
  }

  private func y(_ value: Double) -> Double {
    let share =
      (value - yRange.lowerBound) / max(yRange.upperBound - yRange.lowerBound, 1e-12)
    return height - Self.bottom - min(max(share, 0), 1) * (height - Self.bottom - Self.top)
  }

  private var xTicks: [Double] {
    guard xScale == .logarithmic else { return Self.ticks(xRange, count: 8) }
    var ticks: [Double] = []
    for exponent in -4...4 {
      for factor in [1.0, 2, 5] {
        let tick = factor * pow(10, Double(exponent))
        if xRange.contains(tick * 1.000_001) || xRange.contains(tick) { ticks.append(tick) }
      }
    }
    return ticks
  }

  /// Round numbers in a range: 1, 2 or 5 times a power of ten apart.
  public static func ticks(_ range: ClosedRange<Double>, count: Int) -> [Double] {
    let span = range.upperBound - range.lowerBound
    guard span > 0 else { return [range.lowerBound] }
    let rough = span / Double(count)
    let power = pow(10, log10(rough).rounded(.down))
    let step = [1.0, 2, 5, 10].first { $0 * power >= rough * 0.999 } ?? 10
    let first = (range.lowerBound / (step * power)).rounded(.up)
    let last = ((range.upperBound + span * 1e-9) / (step * power)).rounded(.down)
    guard last >= first else { return [] }
    return (Int(first)...Int(last)).map { Double($0) * step * power }
  }

  /// At most one decimal: enough for a screen, and the same on every machine.
  public static func short(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(Double(tenths) / 10)"
  }

  private static func label(_ value: Double) -> String { HTMLText.number(value, digits: 3) }
}
