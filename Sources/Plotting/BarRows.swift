/// Bars that lie under one another, each with its name and its number.
public struct BarRows: Drawing {
  public struct Row: Sendable {
    public var name: String
    public var value: Double
    /// What stands behind the bar.
    public var label: String
    public var color: String

    public init(name: String, value: Double, label: String, color: String) {
      self.name = name
      self.value = value
      self.label = label
      self.color = color
    }
  }

  public var title: String
  public var rows: [Row]
  public var width: Double
  /// For the names at the left.
  public var nameWidth: Double

  private static let rowHeight = 26.0

  public init(title: String, rows: [Row], width: Double = 640, nameWidth: Double = 150) {
    self.title = title
    self.rows = rows
    self.width = width
    self.nameWidth = nameWidth
  }

  public var height: Double { Double(rows.count) * Self.rowHeight + 8 }

  public var elements: String {
    let largest = max(rows.map(\.value).max() ?? 0, 1e-9)
    let room = width - nameWidth - 150
    return rows.enumerated().map { number, row in
      let top = Double(number) * Self.rowHeight + 4
      let length = max(row.value / largest * room, 1)
      return
        "<text class=\"axis\" text-anchor=\"end\" x=\"\(Plot.short(nameWidth - 8))\" y=\"\(Plot.short(top + 15))\">\(HTMLText.escape(row.name))</text>"
        + "<rect x=\"\(Plot.short(nameWidth))\" y=\"\(Plot.short(top + 3))\" width=\"\(Plot.short(length))\" height=\"16\" fill=\"\(row.color)\"/>"
        + "<text class=\"axis\" x=\"\(Plot.short(nameWidth + length + 8))\" y=\"\(Plot.short(top + 15))\">\(HTMLText.escape(row.label))</text>\n"
    }.joined()
  }

  public var keys: [LegendKey] { [] }
}
