/// Something that can stand in a page by itself, or with others in one picture.
public protocol Drawing: Sendable {
  /// What a reader who cannot see it is told.
  var title: String { get }
  /// In SVG's units.
  var width: Double { get }
  var height: Double { get }
  /// SVG elements in a space of `width` by `height`, in the classes of `PageStyle`.
  var elements: String { get }
  /// What its colours mean.
  var keys: [LegendKey] { get }
}

/// A colour and what it stands for.
public struct LegendKey: Sendable {
  public var name: String
  public var color: String
  /// Such as "6 3"; nil: a full line.
  public var dashes: String?
  public var isBold: Bool
  /// Whether it stands for an area, not for a line.
  public var isArea: Bool

  public init(
    name: String, color: String, dashes: String? = nil, isBold: Bool = false, isArea: Bool = false
  ) {
    self.name = name
    self.color = color
    self.dashes = dashes
    self.isBold = isBold
    self.isArea = isArea
  }

  /// SVG elements in a space of 26 by 8.
  var sample: String {
    guard !isArea else {
      return "<rect x=\"6\" y=\"-1\" width=\"14\" height=\"10\" fill=\"\(color)\"/>"
    }
    return
      "<line x1=\"1\" x2=\"25\" y1=\"4\" y2=\"4\" stroke=\"\(color)\" stroke-width=\"\(isBold ? 3 : 2)\""
      + (dashes.map { " stroke-dasharray=\"\($0)\"" } ?? "") + "/>"
  }
}

extension Drawing {
  /// For a page: as wide as there is room.
  public var svg: String {
    "<svg viewBox=\"0 0 \(Plot.short(width)) \(Plot.short(height))\" role=\"img\" aria-label=\"\(HTMLText.escape(title))\">\n"
      + elements + "</svg>\n"
  }

  /// For a page: the names beside a piece of each.
  public var legend: String {
    "<ul class=\"legend\">"
      + keys.map { key in
        "<li><svg class=\"key\" viewBox=\"0 0 26 8\">\(key.sample)</svg>\(HTMLText.escape(key.name))</li>"
      }.joined() + "</ul>\n"
  }
}
