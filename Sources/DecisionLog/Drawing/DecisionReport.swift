import Offload
import Plotting

/// A decision log drawn: as a page for a browser, or as one picture. No word of what was said is in either.
///
/// ```swift
/// let overview = try DecisionLogReader(path: "decisions.sqlite").overview(deadline: 2)
/// try DecisionReport(overview, name: "decisions.sqlite").html.write(toFile: "log.html", …)
/// ```
public struct DecisionReport: Sendable {
  private let summary: DecisionSummary
  private let timeline: DecisionTimeline
  private let name: String
  private let selection: String?
  private let drawings: DecisionDrawings

  /// - Parameters:
  ///   - name: what the log is called, such as its path.
  ///   - selection: which rows these are, in words; nil: all.
  public init(_ overview: DecisionOverview, name: String, selection: String? = nil) {
    summary = overview.summary
    timeline = overview.timeline
    self.name = name
    self.selection = selection
    drawings = DecisionDrawings(overview)
  }

  private var heading: String { "Decisions of a speech recogniser" }

  private var source: String {
    name + (selection.map { ", only \($0)" } ?? "")
  }

  /// Short facts, each a number and what it counts.
  private var facts: [(number: String, what: String)] {
    var facts: [(String, String)] = [
      (Self.count(summary.utterances), "utterances"),
      (Self.duration(summary.speechSeconds), "of speech"),
    ]
    if let rate = summary.offloadRate {
      facts.append((HTMLText.percent(rate), "were sent to the edge"))
    }
    if let answer = summary.answerSeconds {
      facts.append((Self.seconds(answer.median), "to the answer, half of the time"))
      facts.append((Self.seconds(answer.ninetieth), "to the answer, nine times in ten"))
    }
    if let late = timeline.late, let deadline = timeline.deadline {
      facts.append(
        (Self.count(late), "answers later than the deadline (\(HTMLText.number(deadline)) s)"))
    }
    facts.append((Self.bytes(Double(summary.bytesSent)), "sent"))
    facts.append((Self.bytes(Double(summary.bytesReceived)), "received"))
    let failures = summary.byFallback.values.reduce(0, +)
    facts.append((Self.count(failures), "times the edge was asked in vain"))
    return facts
  }

  private var period: String? {
    guard let range = timeline.range else { return nil }
    return "\(TimeAxis.text(range.lowerBound)) to \(TimeAxis.text(range.upperBound)) UTC"
  }

  private var oddities: String? {
    timeline.withoutTime > 0
      ? "\(Self.count(timeline.withoutTime)) utterances were logged by a clock that was not set; they are in the totals, "
        + "not in what is drawn over time." : nil
  }

  // MARK: - A page

  public var html: String {
    let head = """
      <h1>\(heading)</h1>
      <p class="dim">\(HTMLText.escape(source))\(period.map { "<br>\($0)" } ?? "")</p>
      """
    guard summary.utterances > 0 else {
      return page(head + "\n<p>\(Self.nothing)</p>")
    }
    let tiles = facts.map {
      "<li><strong>\(HTMLText.escape($0.number))</strong> \(HTMLText.escape($0.what))</li>"
    }.joined(separator: "\n")
    var sections = [
      head,
      """
      <p>A device hears an utterance and recognises it layer by layer. After some layers there is an <em>exit</em>: a
      transcript, and how sure the device is of it. Then a <em>policy</em> decides: give this transcript, compute on, or
      <em>offload</em>, that is, send what was computed to an <em>edge</em> server nearby, which has a better model. If the
      edge does not answer by the deadline, the device gives its own transcript. Of every utterance the device logs what it
      knew, predicted, decided and measured, and this page shows that. What was said is not in it.</p>
      """,
      "<ul class=\"facts\">\n\(tiles)\n</ul>",
    ]
    if let oddities { sections.append("<p class=\"dim\">\(oddities)</p>") }
    sections.append(reasonTable)
    for panel in drawings.panels {
      sections.append(
        "<h2>\(HTMLText.escape(panel.heading))</h2>\n<p>\(HTMLText.escape(panel.sentence))</p>\n<figure>\n\(panel.drawing.svg)\(panel.drawing.keys.isEmpty ? "" : panel.drawing.legend)</figure>"
      )
    }
    sections.append(
      "<p class=\"dim\">Over time: a point or bar for every \(Self.length(timeline.length)). Made by tandem-device decisions summary --html.</p>"
    )
    return page(sections.joined(separator: "\n"))
  }

  private func page(_ body: String) -> String {
    HTMLPage(title: "\(heading) – \(name)", style: Self.style, body: body).text
  }

  private static let nothing =
    "There is nothing to draw: the log holds no utterance, or none that was asked for."

  private static let style = """
    .facts { list-style: none; margin: 18px 0; padding: 0; display: grid; gap: 10px;
      grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); font-size: 0.86rem; color: var(--dim); line-height: 1.35; }
    .facts li { padding: 8px 12px; background: var(--soft); border-radius: 6px; }
    .facts strong { display: block; font-size: 1.3rem; color: var(--ink); }
    .reasons td, .reasons th { text-align: left; white-space: normal; }
    .reasons td:nth-child(2) { text-align: right; white-space: nowrap; }
    .bar { display: block; height: 10px; background: #5b7fb5; min-width: 1px; }
    .reasons td.bars { width: 26%; min-width: 70px; }
    @media (max-width: 640px) { .reasons .wide { display: none; } }
    """

  /// Why the last decision of every utterance was what it was.
  private var reasonTable: String {
    let rows = summary.byReason.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    let most = Double(rows.first?.value ?? 1)
    let lines = rows.map { code, count in
      let share = Double(count) / Double(max(summary.utterances, 1))
      let width = HTMLText.number(100 * Double(count) / max(most, 1))
      return
        "<tr><td>\(HTMLText.escape(ReasonWords.reason(code) ?? "")) <span class=\"dim\">\(HTMLText.escape(code))</span></td><td>\(Self.count(count)) (\(HTMLText.percent(share)))</td><td class=\"bars wide\"><span class=\"bar\" style=\"width:\(width)%\"></span></td></tr>"
    }
    return """
      <h2>Why it was decided so</h2>
      <p>The reason of every utterance's last decision, the most frequent first; in grey the word for it in the log.</p>
      <div class="scroll"><table class="reasons">
      <tr><th>reason</th><th>utterances</th><th class="wide"></th></tr>
      \(lines.joined(separator: "\n"))
      </table></div>
      """
  }

  // MARK: - A picture

  public var svg: String {
    guard summary.utterances > 0 else {
      return PictureSheet(title: heading, lines: [source, Self.nothing], panels: []).svg
    }
    let facts = facts.map { "\($0.number) \($0.what)" }
    let lines =
      [source + (period.map { ", \($0)" } ?? "")]
      + [facts.prefix(5).joined(separator: " · "), facts.dropFirst(5).joined(separator: " · ")]
      + (oddities.map { [$0] } ?? [])
    let rows = summary.byReason.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(9)
    let reasons = BarRows(
      title: "Reasons of the last decisions",
      rows: rows.map { code, count in
        .init(
          name: code, value: Double(count),
          label:
            "\(Self.count(count)) (\(HTMLText.percent(Double(count) / Double(summary.utterances))))",
          color: "#5b7fb5")
      })
    return PictureSheet(
      title: heading, lines: lines,
      panels: drawings.panels.prefix(2).map { .init(heading: $0.heading, drawing: $0.drawing) }
        + [.init(heading: "Why it was decided so", drawing: reasons)]
        + drawings.panels.dropFirst(2).map { .init(heading: $0.heading, drawing: $0.drawing) }
    ).svg
  }

  // MARK: - Numbers in words

  static func count(_ count: Int) -> String {
    var digits = Array("\(count)")
    var place = digits.count - 3
    while place > 0 {
      digits.insert(",", at: place)
      place -= 3
    }
    return String(digits)
  }

  static func seconds(_ seconds: Double) -> String {
    seconds < 1 ? "\(HTMLText.number(seconds * 1_000)) ms" : "\(HTMLText.number(seconds)) s"
  }

  static func duration(_ seconds: Double) -> String {
    switch seconds {
    case ..<120: "\(HTMLText.number(seconds)) s"
    case ..<7_200: "\(HTMLText.number(seconds / 60)) min"
    default: "\(HTMLText.number(seconds / 3_600)) h"
    }
  }

  static func bytes(_ bytes: Double) -> String {
    let unit = DecisionDrawings.unit(bytes)
    return "\(HTMLText.number(bytes / unit.bytes)) \(unit.name)"
  }

  static func length(_ seconds: Double) -> String {
    let units = [(31_536_000.0, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute")]
    let (size, name) = units.first { seconds >= $0.0 } ?? (1, "second")
    let number = seconds / size
    return number == 1 ? name : "\(HTMLText.number(number)) \(name)s"
  }
}
