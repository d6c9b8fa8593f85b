import Foundation

/// How often two quantities came together, as shaded cells over two logarithmic axes of one range, with the diagonal on
/// which both are the same. As large for ten points as for ten million.
public struct DensityPlot: Drawing {
  /// Cells a decade.
  public static let resolution = 10.0

  /// A cell by the logarithms of its lower ends, in steps of `resolution` a decade.
  public struct Cell: Hashable, Sendable {
    public var x: Int
    public var y: Int

    /// nil for numbers that are not positive. What is smaller than 10^-6 or larger than 10^6 counts as that.
    public init?(_ x: Double, _ y: Double) {
      guard x > 0, y > 0, x.isFinite, y.isFinite else { return nil }
      func place(_ value: Double) -> Int {
        Int((log10(min(max(value, 1e-6), 1e6)) * DensityPlot.resolution).rounded(.down))
      }
      self.x = place(x)
      self.y = place(y)
    }
  }

  public var title: String
  public var xLabel: String
  public var yLabel: String
  public var cells: [Cell: Int]
  public var color: String
  public var width: Double
  public var height: Double

  public init(
    title: String, xLabel: String, yLabel: String, cells: [Cell: Int], color: String,
    width: Double = 640, height: Double = 340
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.cells = cells
    self.color = color
    self.width = width
    self.height = height
  }

  private static func value(_ place: Int) -> Double { pow(10, Double(place) / resolution) }

  public var elements: String {
    let places = cells.keys.flatMap { [$0.x, $0.y] }
    let range = Self.value((places.min() ?? -10) - 2)...Self.value((places.max() ?? 10) + 3)
    let frame = PlotFrame(
      width: width, height: height, xLabel: xLabel, yLabel: yLabel, xScale: .logarithmic,
      yScale: .logarithmic, xRange: range, yRange: range)
    var text = frame.elements
    let most = Double(cells.values.max() ?? 1)
    // In one order on every machine.
    for (cell, count) in cells.sorted(by: { ($0.key.x, $0.key.y) < ($1.key.x, $1.key.y) }) {
      let left = frame.x(Self.value(cell.x))
      let top = frame.y(Self.value(cell.y + 1))
      // By the logarithm: a single utterance beside a thousand is still seen.
      let shade = most > 1 ? 0.25 + 0.75 * log(Double(count)) / log(most) : 0.8
      text +=
        "<rect x=\"\(Plot.short(left))\" y=\"\(Plot.short(top))\" width=\"\(Plot.short(frame.x(Self.value(cell.x + 1)) - left))\" height=\"\(Plot.short(frame.y(Self.value(cell.y)) - top))\" fill=\"\(color)\" fill-opacity=\"\(String(format: "%.2f", shade))\"><title>\(count)</title></rect>"
    }
    return text
      + "\n<line x1=\"\(Plot.short(frame.x(range.lowerBound)))\" y1=\"\(Plot.short(frame.y(range.lowerBound)))\" x2=\"\(Plot.short(frame.x(range.upperBound)))\" y2=\"\(Plot.short(frame.y(range.upperBound)))\" stroke=\"#1c2430\" stroke-dasharray=\"5 4\"/>\n"
  }

  public var keys: [LegendKey] {
    [
      LegendKey(name: "the darker, the more often", color: color, isArea: true),
      LegendKey(name: "both the same", color: "#1c2430", dashes: "5 4"),
    ]
  }
}
