import Foundation
import Offload
import Plotting

/// A comparison as one page that needs nothing else: tables and plots, for someone who has read nothing before.
struct HTMLReport {
  private let comparison: Comparison
  private let reports: [StrategyReport]

  init(_ comparison: Comparison) {
    self.comparison = comparison
    // The cheapest first.
    reports = comparison.reports.sorted {
      ($0.meanCost, $0.strategy) < ($1.meanCost, $1.strategy)
    }
  }

  var text: String {
    HTMLPage(
      title: "\(comparison.scenario.name) – Tandem simulation", style: Self.style,
      body: [head, summary, table, plots, regrets, notes].joined(separator: "\n")
    ).text
  }

  static let style = """
    th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
    tr.policy td { background: #eef5ff; }
    tr.oracle td { background: #f3f8ee; }
    """

  // MARK: - Words

  private var head: String {
    let configuration = comparison.scenario.configuration
    let classes = configuration.classes.filter { $0.weight > 0 }.map { $0.class.rawValue }
    return """
      <h1>\(HTMLText.escape(comparison.scenario.name))</h1>
      <p>\(HTMLText.escape(comparison.scenario.description))</p>
      <p class="dim">\(configuration.deviceCount) devices (\(classes.joined(separator: ", "))),
      \(HTMLText.number(configuration.seconds / 3600)) h of virtual time, answers due within
      \(HTMLText.number(configuration.deadline)) s. Links: \(HTMLText.escape(comparison.scenario.linkSource)).
      Edge: \(configuration.edge.workers) worker(s), \(configuration.edge.isShared ? "shared by all devices" : "where devices do not slow one another").
      Seed \(comparison.seed). Recognition results: \(HTMLText.escape(reports.first?.profile ?? "")).</p>
      <p>A device hears an utterance and recognises it layer by layer. After some layers there is an <em>exit</em>: a
      transcript and how sure the device is of it. A <em>policy</em> then decides: take this transcript, go on
      computing, or <em>offload</em>, that is, send the layer's features to an edge server, which has a better model. If the
      edge does not answer in time, the device gives its own transcript. This page compares policies with
      strategies that do the same with every utterance (fixed) and with oracles, which know what no device can know.</p>
      """
  }

  private var summary: String {
    guard let policy = comparison.bestPolicy, let fixed = comparison.bestFixed else { return "" }
    var text =
      "<h2>In short</h2>\n<p>The best policy, <strong>\(HTMLText.escape(policy.strategy))</strong>, costs "
      + "\(HTMLText.number(policy.meanCost)) an utterance; the best fixed strategy, \(HTMLText.escape(fixed.strategy)), "
      + "\(HTMLText.number(fixed.meanCost))."
    if let headroom = comparison.headroom {
      text +=
        " The informed oracle shows that \(HTMLText.percent(max(0, headroom / (1 + headroom)))) of the fixed strategy's "
        + "cost can be saved by deciding well"
      if let closed = comparison.gapClosed(policy) {
        text +=
          closed >= 0
          ? "; the policy saves \(HTMLText.percent(closed)) of that."
          : "; the policy loses \(HTMLText.percent(-closed)) of that on top."
      } else {
        text += "."
      }
    }
    return text + "</p>"
  }

  private var table: String {
    let rows = reports.map { report in
      let cells = [
        HTMLText.escape(report.strategy), Self.kind(report),
        HTMLText.number(report.meanCost)
          + " <span class=\"dim\">(\(HTMLText.number(report.meanCostInterval[0]))–\(HTMLText.number(report.meanCostInterval[1])))</span>",
        HTMLText.percent(report.wordErrorRate),
        report.medianLatency.map { HTMLText.number($0) } ?? "–",
        report.latency95.map { HTMLText.number($0) } ?? "–",
        HTMLText.percent(report.offloadRate),
        HTMLText.number(report.bytesPerUtterance / 1000),
        HTMLText.number(report.joulesPerUtterance),
        "\(report.fallbacks.values.reduce(0, +))", "\(report.deadlineMisses)",
      ]
      return "<tr class=\"\(report.kind.rawValue)\"><td>" + cells.joined(separator: "</td><td>")
        + "</td></tr>"
    }
    return """
      <h2>All strategies, cheapest first</h2>
      <p>One unit of cost is one second of waiting for the answer; energy, bytes, server time and word errors are
      converted with the weights of Config/costs.yaml, errors being the true ones. In brackets: 95 % bootstrap interval. Over
      \(reports.first?.utterances ?? 0) utterances.</p>
      <div class="scroll"><table>
      <tr><th>strategy</th><th>kind</th><th>cost an utterance</th><th>word error rate</th><th>median latency, s</th>
      <th>95th percentile, s</th><th>offloaded</th><th>kB an utterance</th><th>J an utterance</th><th>edge did not answer</th>
      <th>answers too late</th></tr>
      \(rows.joined(separator: "\n"))
      </table></div>
      """
  }

  private var regrets: String {
    let names = reports.flatMap { $0.regret.map(\.against) }
    guard !names.isEmpty else { return "" }
    let oracles = Array(Set(names)).sorted()
    let rows = reports.map { report in
      "<tr class=\"\(report.kind.rawValue)\"><td>\(HTMLText.escape(report.strategy))</td><td>\(Self.kind(report))</td>"
        + oracles.map { oracle in
          guard let regret = report.regret.first(where: { $0.against == oracle }) else {
            return "<td>–</td>"
          }
          return
            "<td>\(HTMLText.number(regret.mean)) <span class=\"dim\">(\(HTMLText.number(regret.interval[0]))–\(HTMLText.number(regret.interval[1])))"
            + (regret.oracle == "bound" ? ", bound" : "") + "</span></td>"
        }.joined() + "</tr>"
    }
    return """
      <h2>Regret: how much more than the best possible</h2>
      <p>Cost an utterance above an oracle's, on the same utterances; in brackets the 95 % paired bootstrap interval. The
      <em>clairvoyant</em> oracle knows the link's future, the edge's queue and every transcript's errors: nothing can beat
      it. The <em>informed</em> one knows link and queue, but of errors only what to expect given the confidences seen so far:
      a better yardstick. “Bound”: the oracle waits behind no other device, so the true regret is no larger than this.</p>
      <div class="scroll"><table><tr><th>strategy</th><th>kind</th>\(oracles.map { "<th>\(HTMLText.escape($0))</th>" }.joined())</tr>
      \(rows.joined(separator: "\n"))
      </table></div>
      """
  }

  private var notes: String {
    """
    <h2>How this was made</h2>
    <p class="dim">tandem-simulate fleet, virtual time, seed \(comparison.seed): the same command gives the same bytes. Policies, link and
    edge estimators, codec table and costs are the code that ships. A device's transfers slow no other device's; the
    edge's queue is \(comparison.scenario.configuration.edge.isShared ? "shared" : "exogenous"). Latency percentiles are exact to 2.4 %.</p>
    """
  }

  private static func kind(_ report: StrategyReport) -> String {
    report.oracle.map { "oracle, \($0)" } ?? report.kind.rawValue
  }

  // MARK: - Plots

  /// All policies, the best fixed strategy of each kind, and the informed oracle: more lines than that nobody can read.
  private var drawn: [StrategyReport] {
    let fixed = reports.filter { $0.kind == .fixed }
    let local = fixed.first { $0.offloadRate == 0 }
    let edge = fixed.first { $0.offloadRate > 0 }
    return reports.filter { $0.kind == .policy } + [local, edge].compactMap { $0 }
      + reports.filter { $0.strategy == Strategy.informedOracle.name }
  }

  /// What the scatter plots show: everything but the many fixed splits, of which the six cheapest stand for the others.
  private var scattered: [StrategyReport] {
    var splits = 0
    return reports.filter { report in
      guard report.strategy.hasPrefix("edge-") else { return true }
      splits += 1
      return splits <= 6
    }
  }

  private static let colors = [
    "#1f6fd1", "#d1491f", "#7a3fc0", "#12876b", "#c79a00", "#c2308f", "#4c8c1f", "#2a9fb8",
    "#8c5a2b", "#5b6675",
  ]

  private func series(
    _ report: StrategyReport, _ number: Int, points: [(x: Double, y: Double)],
    staircase: Bool = false
  ) -> Plot.Series {
    let dashes: String? =
      switch report.kind {
      case .policy: nil
      case .reference: "9 3"
      case .fixed: "6 4"
      case .oracle: "2 3"
      }
    return Plot.Series(
      name: report.strategy + (report.kind == .policy ? "" : " (\(report.kind.rawValue))"),
      points: points, color: Self.colors[number % Self.colors.count], dashes: dashes,
      isBold: report.kind == .policy, isStaircase: staircase)
  }

  private var plots: String {
    var text =
      "<h2>How long people wait</h2>\n<p>Share of utterances that are answered within so many seconds of the end of speech: the further to the upper left, the better.</p>\n"
    text += figure(latencyPlot)
    text +=
      "<h2>What it takes to make few errors</h2>\n<p>Strategies as points (of the fixed splits the six cheapest): down is fewer word errors, left is fewer bytes or joules.</p>\n"
    text += "<figure>" + scatter("kB an utterance") { $0.bytesPerUtterance / 1000 } + "</figure>\n"
    text += "<figure>" + scatter("J an utterance") { $0.joulesPerUtterance } + "</figure>\n"
    text +=
      "<h2>Over time</h2>\n<p>How much is offloaded, beside what the links and the edge gave: a good policy offloads less when rates fall or waits grow.</p>\n"
    text += figure(offloadPlot)
    text += figure(bandwidthPlot)
    text += figure(waitPlot)
    text += "<p>Cost an utterance over time.</p>\n" + figure(costPlot)
    if let plot = regretPlot {
      text +=
        "<p>Regret so far: how much more all utterances up to then have cost than with the informed oracle. A policy that has learned grows slowly.</p>\n"
        + figure(plot)
    }
    return text
  }

  private func figure(_ plot: Plot) -> String {
    "<figure>\n\(plot.svg)\(plot.legend)</figure>\n"
  }

  private var latencyPlot: Plot {
    // From where the fastest hundredth is to where the slowest strategy has answered all.
    let low = drawn.flatMap { $0.latencies.first { $0.share > 0.01 }.map { [$0.seconds] } ?? [] }
      .min()
    let high = drawn.compactMap { $0.latencies.first { $0.share >= 0.9999 }?.seconds }.max()
    let range = (low ?? 0.01) / 1.3...max((high ?? 1) * 1.3, (low ?? 0.01) * 2)
    return Plot(
      title: "Latency distribution", xLabel: "seconds from the end of speech (logarithmic)",
      yLabel: "share answered", xScale: .logarithmic, xRange: range, yRange: 0...1,
      series: drawn.enumerated().map { number, report in
        series(
          report, number,
          points: [(x: range.lowerBound, y: 0)]
            + report.latencies.map { (x: $0.seconds, y: $0.share) }
            + [(x: range.upperBound, y: 1)], staircase: true)
      })
  }

  private var hours: ClosedRange<Double> { 0...comparison.scenario.configuration.seconds / 3600 }

  private func timeline(
    _ report: StrategyReport, _ value: (TimelinePoint) -> Double?
  ) -> [(x: Double, y: Double)] {
    let length = comparison.scenario.configuration.seconds / Double(max(report.timeline.count, 1))
    return report.timeline.compactMap { point in
      value(point).map { (x: (point.from + length / 2) / 3600, y: $0) }
    }
  }

  private var offloadPlot: Plot {
    Plot(
      title: "Offload rate over time", xLabel: "hours", yLabel: "share offloaded", xRange: hours,
      yRange: 0...1,
      series: drawn.enumerated().filter { $0.element.offloadRate > 0 }.map { number, report in
        series(report, number, points: timeline(report, \.offloadRate))
      })
  }

  private var bandwidthPlot: Plot {
    let points = reports.first.map { timeline($0) { $0.megabitsPerSecond.map { $0 * 1000 } } } ?? []
    return Plot(
      title: "Uplink rate over time", xLabel: "hours", yLabel: "kbit/s", xRange: hours,
      yRange: 0...max(points.map(\.y).max() ?? 1, 1e-6) * 1.05,
      series: [
        .init(name: "uplink, mean over devices", points: points, color: "#1c2430")
      ], height: 190)
  }

  private var waitPlot: Plot {
    let lines = drawn.enumerated().map { ($0.offset, $0.element, timeline($0.element, \.edgeWait)) }
    // Where the queue is exogenous, all see the same one.
    let isShared = comparison.scenario.configuration.edge.isShared
    let shown = isShared ? lines : Array(lines.prefix(1))
    let high = shown.flatMap { $0.2.map(\.y) }.max() ?? 0
    return Plot(
      title: "Wait at the edge over time", xLabel: "hours", yLabel: "seconds of wait",
      xRange: hours,
      yRange: 0...max(high, 0.001) * 1.05,
      series: shown.map { number, report, points in
        isShared
          ? series(report, number, points: points)
          : .init(name: "edge, background load", points: points, color: "#1c2430")
      }, height: 190)
  }

  private var costPlot: Plot {
    let lines = drawn.enumerated().map { ($0.offset, $0.element, timeline($0.element, \.meanCost)) }
    let high = lines.flatMap { $0.2.map(\.y) }.max() ?? 1
    return Plot(
      title: "Cost over time", xLabel: "hours", yLabel: "cost an utterance", xRange: hours,
      yRange: 0...high * 1.05,
      series: lines.map { number, report, points in series(report, number, points: points) })
  }

  private var regretPlot: Plot? {
    guard let oracle = reports.first(where: { $0.strategy == Strategy.informedOracle.name })
    else { return nil }
    let lines = drawn.enumerated().filter { $0.element.kind != .oracle }.map { number, report in
      var sum = 0.0
      let points = zip(report.timeline, oracle.timeline).map { own, best in
        sum +=
          (own.meanCost ?? 0) * Double(own.utterances)
          - (best.meanCost ?? 0) * Double(best.utterances)
        return (x: own.from / 3600, y: sum)
      }
      return series(report, number, points: points)
    }
    let values = lines.flatMap { $0.points.map(\.y) }
    let low = min(values.min() ?? 0, 0)
    return Plot(
      title: "Regret over time", xLabel: "hours", yLabel: "cost above the oracle's", xRange: hours,
      yRange: low...max((values.max() ?? 0) * 1.05, low + 1e-6), series: lines)
  }

  private func scatter(_ label: String, _ value: (StrategyReport) -> Double) -> String {
    let width = 640.0
    let height = 300.0
    let shown = scattered
    let high = max(shown.map(value).max() ?? 1, 1e-9) * 1.08
    let errors = shown.map(\.wordErrorRate)
    let low = (errors.min() ?? 0) * 0.9
    let top = max((errors.max() ?? 1) * 1.08, low + 1e-6)
    let plot = Plot(
      title: "Word error rate against \(label)", xLabel: label, yLabel: "word error rate",
      xRange: 0...high, yRange: low...top, series: [], width: width, height: height
    )
    var frame = String(plot.svg.dropLast("</svg>\n".count))
    var legend = "<ul class=\"legend\">"
    var marks: [(x: Double, y: Double, number: Int)] = []
    for (number, report) in shown.enumerated() {
      let (x, y) = plot.place(value(report), report.wordErrorRate)
      let color =
        switch report.kind {
        case .policy: "#1f6fd1"
        case .reference: "#7a3fc0"
        case .fixed: "#8a94a3"
        case .oracle: "#4c8c1f"
        }
      frame +=
        "<circle cx=\"\(Plot.short(x))\" cy=\"\(Plot.short(y))\" r=\"5\" fill=\"\(color)\" fill-opacity=\"0.75\"><title>\(HTMLText.escape(report.strategy))</title></circle>"
      marks.append((x, y, number + 1))
      legend +=
        "<li><span style=\"color:\(color)\">●</span>\(number + 1) \(HTMLText.escape(report.strategy))</li>"
    }
    // Points that lie on one another share a label.
    while let first = marks.first {
      let near = marks.filter { abs($0.x - first.x) < 44 && abs($0.y - first.y) < 12 }
      marks.removeAll { mark in near.contains { $0.number == mark.number } }
      let isRight = first.x > width - 90
      frame +=
        "<text class=\"mark\" text-anchor=\"\(isRight ? "end" : "start")\" x=\"\(Plot.short(first.x + (isRight ? -8 : 8)))\" y=\"\(Plot.short(first.y - 5))\">\(near.map { "\($0.number)" }.joined(separator: ", "))</text>\n"
    }
    return frame + "</svg>\n" + legend + "</ul>\n"
  }
}
