import Foundation

/// A line plot as SVG: axes with round numbers, a legend beside it, no script.
public struct Plot: Drawing {
  public struct Series: Sendable {
    public var name: String
    /// Where y is no number the line is interrupted.
    public var points: [(x: Double, y: Double)]
    public var color: String
    /// Such as "6 3"; nil: a full line.
    public var dashes: String?
    public var isBold: Bool
    /// Whether values hold until the next one.
    public var isStaircase: Bool
    /// Whether every point is marked: a line of few points, or of points that stand alone.
    public var hasDots: Bool

    public init(
      name: String, points: [(x: Double, y: Double)], color: String, dashes: String? = nil,
      isBold: Bool = false, isStaircase: Bool = false, hasDots: Bool = false
    ) {
      self.name = name
      self.points = points
      self.color = color
      self.dashes = dashes
      self.isBold = isBold
      self.isStaircase = isStaircase
      self.hasDots = hasDots
    }
  }

  public enum Scale: Sendable { case linear, logarithmic }

  public var title: String
  public var xLabel: String
  public var yLabel: String
  public var xScale: Scale
  public var yScale: Scale
  public var xRange: ClosedRange<Double>
  public var yRange: ClosedRange<Double>
  /// nil: round numbers.
  public var xTicks: [Tick]?
  public var series: [Series]
  public var width: Double
  public var height: Double

  public init(
    title: String, xLabel: String, yLabel: String, xScale: Scale = .linear,
    yScale: Scale = .linear, xRange: ClosedRange<Double>, yRange: ClosedRange<Double>,
    xTicks: [Tick]? = nil, series: [Series],
    width: Double = 640, height: Double = 280
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.xScale = xScale
    self.yScale = yScale
    self.xRange = xRange
    self.yRange = yRange
    self.xTicks = xTicks
    self.series = series
    self.width = width
    self.height = height
  }

  private var frame: PlotFrame {
    PlotFrame(
      width: width, height: height, xLabel: xLabel, yLabel: yLabel, xScale: xScale,
      yScale: yScale, xRange: xRange, yRange: yRange, xTicks: xTicks)
  }

  /// Where a point lies in `elements`' space, for what is drawn on top.
  public func place(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
    let frame = frame
    return (frame.x(x), frame.y(y))
  }

  public var elements: String {
    let frame = frame
    var text = frame.elements
    for line in series where !line.points.isEmpty {
      text +=
        "<path fill=\"none\" stroke=\"\(line.color)\" stroke-width=\"\(line.isBold ? 2.6 : 1.5)\""
      if let dashes = line.dashes { text += " stroke-dasharray=\"\(dashes)\"" }
      text += " d=\"\(path(line, frame))\"><title>\(HTMLText.escape(line.name))</title></path>\n"
      guard line.hasDots else { continue }
      for point in line.points where point.y.isFinite {
        text +=
          "<circle cx=\"\(Self.short(frame.x(point.x)))\" cy=\"\(Self.short(frame.y(point.y)))\" r=\"2.4\" fill=\"\(line.color)\"/>"
      }
      text += "\n"
    }
    return text
  }

  public var keys: [LegendKey] {
    series.map {
      LegendKey(name: $0.name, color: $0.color, dashes: $0.dashes, isBold: $0.isBold)
    }
  }

  private func path(_ line: Series, _ frame: PlotFrame) -> String {
    var text = ""
    var last: Double?
    for point in line.points {
      guard point.y.isFinite else {
        last = nil
        continue
      }
      let x = Self.short(frame.x(point.x))
      let y = Self.short(frame.y(point.y))
      if line.isStaircase, let last { text += "L\(x) \(Self.short(last))" }
      text += (last == nil ? "M" : "L") + "\(x) \(y)"
      last = frame.y(point.y)
    }
    return text
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
}
