/// A page that needs nothing else.
public struct HTMLPage: Sendable {
  public var title: String
  /// Rules for this page alone.
  public var style: String
  /// HTML, put into the page as it is.
  public var body: String

  public init(title: String, style: String = "", body: String) {
    self.title = title
    self.style = style
    self.body = body
  }

  public var text: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>\(HTMLText.escape(title))</title>
    <style>
    \(PageStyle.page)
    \(PageStyle.drawing)
    \(style)
    \(PageStyle.narrow)
    </style>
    </head>
    <body>
    <main>
    \(body)
    </main>
    </body>
    </html>

    """
  }
}
