/// Bars that stand side by side along an axis, each of layers upon one another.
public struct StackedBars: Drawing {
  public struct Layer: Sendable {
    public var name: String
    public var color: String
    /// One a bar, at least 0.
    public var values: [Double]

    public init(name: String, color: String, values: [Double]) {
      self.name = name
      self.color = color
      self.values = values
    }
  }

  public var title: String
  public var xLabel: String
  public var yLabel: String
  public var xRange: ClosedRange<Double>
  /// nil: round numbers.
  public var xTicks: [Tick]?
  /// Where every bar begins and ends.
  public var spans: [ClosedRange<Double>]
  /// From the bottom up.
  public var layers: [Layer]
  public var width: Double
  public var height: Double

  public init(
    title: String, xLabel: String, yLabel: String, xRange: ClosedRange<Double>,
    xTicks: [Tick]? = nil, spans: [ClosedRange<Double>], layers: [Layer], width: Double = 640,
    height: Double = 280
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.xRange = xRange
    self.xTicks = xTicks
    self.spans = spans
    self.layers = layers
    self.width = width
    self.height = height
  }

  public var elements: String {
    let sums = spans.indices.map { bar in layers.reduce(0) { $0 + $1.values[bar] } }
    let most = sums.max() ?? 0
    let frame = PlotFrame(
      width: width, height: height, xLabel: xLabel, yLabel: yLabel, xRange: xRange,
      yRange: 0...(most > 0 ? most * 1.05 : 1), xTicks: xTicks)
    var text = frame.elements
    var tops = spans.map { _ in 0.0 }
    for layer in layers {
      var rectangles = ""
      for (bar, span) in spans.enumerated() where layer.values[bar] > 0 {
        let left = frame.x(span.lowerBound)
        // A hair of white between bars, as long as they are not hairs themselves.
        let full = frame.x(span.upperBound) - left
        let bottom = frame.y(tops[bar])
        tops[bar] += layer.values[bar]
        let top = frame.y(tops[bar])
        rectangles +=
          "<rect x=\"\(Plot.short(left))\" y=\"\(Plot.short(top))\" width=\"\(Plot.short(max(full > 4 ? full - 1 : full, 0.8)))\" height=\"\(Plot.short(max(bottom - top, 0.5)))\"/>"
      }
      if !rectangles.isEmpty {
        text +=
          "<g fill=\"\(layer.color)\"><title>\(HTMLText.escape(layer.name))</title>\(rectangles)</g>\n"
      }
    }
    return text
  }

  public var keys: [LegendKey] {
    layers.map { LegendKey(name: $0.name, color: $0.color, isArea: true) }
  }
}
