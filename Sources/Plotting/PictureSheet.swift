/// Several drawings as one picture, in two columns, each under its heading: one SVG file that needs nothing else.
public struct PictureSheet: Sendable {
  public struct Panel: Sendable {
    public var heading: String
    public var drawing: any Drawing

    public init(heading: String, drawing: any Drawing) {
      self.heading = heading
      self.drawing = drawing
    }
  }

  public var title: String
  /// Under the title, a line each.
  public var lines: [String]
  public var panels: [Panel]

  public init(title: String, lines: [String], panels: [Panel]) {
    self.title = title
    self.lines = lines
    self.panels = panels
  }

  private static let margin = 24.0
  private static let column = 640.0
  private static let gap = 32.0
  private static let line = 18.0
  /// Fonts differ from machine to machine: a generous guess of a letter's width at 12 pixels.
  private static let letter = 6.6

  public var svg: String {
    var body =
      "<text class=\"title\" x=\"\(Plot.short(Self.margin))\" y=\"44\">\(HTMLText.escape(title))</text>\n"
    var y = 52.0
    for line in lines {
      y += Self.line
      body +=
        "<text class=\"axis\" x=\"\(Plot.short(Self.margin))\" y=\"\(Plot.short(y))\">\(HTMLText.escape(line))</text>\n"
    }
    y += 20
    var index = 0
    while index < panels.count {
      var heights: [Double] = []
      for (side, panel) in panels[index..<min(index + 2, panels.count)].enumerated() {
        let x = Self.margin + Double(side) * (Self.column + Self.gap)
        let (text, height) = Self.elements(panel)
        body += "<g transform=\"translate(\(Plot.short(x)) \(Plot.short(y)))\">\n\(text)</g>\n"
        heights.append(height)
      }
      y += (heights.max() ?? 0) + 22
      index += 2
    }
    let width = Plot.short(2 * Self.margin + 2 * Self.column + Self.gap)
    let height = Plot.short(y + 6)
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" width="\(width)" height="\(height)" font-family="system-ui, sans-serif">
      <title>\(HTMLText.escape(title))</title>
      <style>
      \(PageStyle.drawing)
      .title { font-size: 22px; font-weight: 600; fill: #1c2430; }
      .heading { font-size: 14px; font-weight: 600; fill: #1c2430; }
      </style>
      <rect width="\(width)" height="\(height)" fill="#ffffff"/>
      \(body)</svg>

      """
  }

  /// Heading, drawing and legend, with the height of all three.
  private static func elements(_ panel: Panel) -> (String, Double) {
    var text =
      "<text class=\"heading\" x=\"0\" y=\"14\">\(HTMLText.escape(panel.heading))</text>\n"
    let drawing = panel.drawing
    let scale = column / drawing.width
    text +=
      "<g transform=\"translate(0 22)\"><svg width=\"\(Plot.short(column))\" height=\"\(Plot.short(drawing.height * scale))\" viewBox=\"0 0 \(Plot.short(drawing.width)) \(Plot.short(drawing.height))\">\n\(drawing.elements)</svg></g>\n"
    var x = 62.0
    var y = 22 + drawing.height * scale + 12
    for key in drawing.keys {
      let width = 34 + Double(key.name.count) * letter + 18
      if x + width > column, x > 62 {
        x = 62
        y += line
      }
      text +=
        "<g transform=\"translate(\(Plot.short(x)) \(Plot.short(y)))\">\(key.sample)<text class=\"axis\" x=\"34\" y=\"8\">\(HTMLText.escape(key.name))</text></g>\n"
      x += width
    }
    return (text, drawing.keys.isEmpty ? y - 12 : y + 12)
  }
}
