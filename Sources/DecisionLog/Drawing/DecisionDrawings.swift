import Foundation
import Plotting

/// The drawings of a decision log, each with a heading and a sentence.
struct DecisionDrawings: Sendable {
  struct Panel: Sendable {
    var heading: String
    var sentence: String
    var drawing: any Drawing
  }

  private let summary: DecisionSummary
  private let timeline: DecisionTimeline
  private let axis: TimeAxis

  private static let width = 640.0
  private static let height = 250.0
  private static let deviceColor = "#5b7fb5"
  private static let edgeColor = "#e08a2e"
  private static let fallbackColor = "#c8413b"
  private static let noneColor = "#a3abb6"
  private static let ink = "#1c2430"

  init(_ overview: DecisionOverview) {
    summary = overview.summary
    timeline = overview.timeline
    axis = TimeAxis(overview.timeline.range ?? 0...1)
  }

  /// In the order of reading; none without utterances. What is drawn over time is left out where no clock was set.
  var panels: [Panel] {
    guard summary.utterances > 0 else { return [] }
    let isTimed = !timeline.buckets.isEmpty
    var panels: [Panel] = []
    if isTimed { panels += [ways, offloadRate, reasons] }
    panels.append(latencies)
    if isTimed { panels.append(latencyOverTime) }
    if isTimed { panels += [bytes, cumulativeBytes, fallbacks] }
    if !timeline.costs.isEmpty {
      panels.append(costs)
      if isTimed { panels.append(costsOverTime) }
    }
    return panels
  }

  // MARK: - How much is offloaded

  private var ways: Panel {
    let layers = DecisionTimeline.Way.allCases.compactMap { way -> StackedBars.Layer? in
      let values = timeline.buckets.map { Double($0.ways[way.rawValue]) }
      let (name, color) = Self.words(way)
      // What never happened needs no colour.
      guard way.rawValue < 2 || values.contains(where: { $0 > 0 }) else { return nil }
      return .init(name: name, color: color, values: values)
    }
    return Panel(
      heading: "Who answered",
      sentence:
        "Utterances over time, by who gave the transcript. Red: the edge was asked, but did not answer "
        + "in time or at all, and the device gave its own.",
      drawing: bars("Utterances over time by who answered", "utterances", layers))
  }

  private static func words(_ way: DecisionTimeline.Way) -> (name: String, color: String) {
    switch way {
    case .device: ("the device", deviceColor)
    case .edge: ("the edge", edgeColor)
    case .fallback: ("the device, after asking the edge", fallbackColor)
    case .none: ("nobody", noneColor)
    }
  }

  private var offloadRate: Panel {
    Panel(
      heading: "How much was offloaded",
      sentence: "Share of the utterances whose features were sent to the edge.",
      drawing: plot(
        "Offload rate over time", "% offloaded", 0...100,
        [
          line("offloaded", Self.edgeColor) {
            $0.utterances > 0 ? 100 * Double($0.offloads) / Double($0.utterances) : .nan
          }
        ]))
  }

  /// Told apart; the others are one colour.
  private static let reasonColors = [
    "#5b7fb5", "#e08a2e", "#5f9e6e", "#8e5bb5", "#c8413b", "#3b9eb0", "#b59a3b", "#4a5563",
  ]

  private var reasons: Panel {
    let kinds = summary.byReason.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
    let named = Array(kinds.prefix(Self.reasonColors.count))
    var layers = zip(named, Self.reasonColors).map { kind, color in
      StackedBars.Layer(
        name: kind, color: color, values: timeline.buckets.map { Double($0.reasons[kind] ?? 0) })
    }
    if kinds.count > named.count {
      layers.append(
        StackedBars.Layer(
          name: "all others", color: Self.noneColor,
          values: timeline.buckets.map { bucket in
            Double(bucket.utterances - named.reduce(0) { $0 + (bucket.reasons[$1] ?? 0) })
          }))
    }
    return Panel(
      heading: "Why it was decided so, over time",
      sentence: "The reasons in the table above, by their words in the log.",
      drawing: bars("Reasons over time", "utterances", layers))
  }

  // MARK: - How long people wait

  private var latencies: Panel {
    let all = DecisionTimeline.Way.allCases.filter { timeline.answers[$0.rawValue].total > 0 }
    let ends = all.map { timeline.answers[$0.rawValue] }
    let low = ends.compactMap { $0.percentile(0.001) }.min() ?? 0.01
    let high = max(ends.compactMap { $0.percentile(1) }.max() ?? 1, timeline.deadline ?? 0)
    let range = low / 1.4...max(high * 1.4, low * 4)
    var series = all.map { way in
      let (name, color) = Self.words(way)
      return Plot.Series(
        name: "answered by " + name,
        points: [(x: range.lowerBound, y: 0)]
          + timeline.answers[way.rawValue].cumulative.map { (x: $0.seconds, y: 100 * $0.share) }
          + [(x: range.upperBound, y: 100)], color: color, isStaircase: true)
    }
    if let deadline = timeline.deadline {
      series.append(
        Plot.Series(
          name: Self.deadlineName(deadline), points: [(x: deadline, y: 0), (x: deadline, y: 100)],
          color: Self.ink, dashes: "5 4"))
    }
    return Panel(
      heading: "How long people waited",
      sentence:
        "Share of the utterances that were answered within so many seconds of the end of speech: the "
        + "further to the upper left, the better.",
      drawing: Plot(
        title: "Distribution of the time to the answer",
        xLabel: "seconds from the end of speech (logarithmic)", yLabel: "% answered",
        xScale: .logarithmic, xRange: range, yRange: 0...100, series: series, width: Self.width,
        height: Self.height))
  }

  private static func deadlineName(_ seconds: Double) -> String {
    "deadline, as it is set now (\(HTMLText.number(seconds)) s)"
  }

  private var latencyOverTime: Panel {
    func percentile(_ share: Double) -> @Sendable (DecisionTimeline.Bucket) -> Double {
      { $0.answers.percentile(share) ?? .nan }
    }
    var series = [
      line("half of the answers came within", Self.deviceColor, percentile(0.5)),
      line("nine in ten came within", Self.ink, percentile(0.9)),
    ]
    let values = series.flatMap { $0.points.map(\.y) }.filter(\.isFinite)
    var high = values.max() ?? 1
    let low = min(values.min() ?? 0.01, high / 2)
    if let deadline = timeline.deadline {
      high = max(high, deadline)
      series.append(
        Plot.Series(
          name: Self.deadlineName(deadline),
          points: [
            (x: axis.range.lowerBound, y: deadline), (x: axis.range.upperBound, y: deadline),
          ],
          color: Self.fallbackColor, dashes: "5 4"))
    }
    var drawing = plot(
      "Time to the answer over time", "seconds (logarithmic)", low / 1.4...high * 1.4, series)
    drawing.yScale = .logarithmic
    return Panel(
      heading: "How long people waited, over time",
      sentence: "Seconds from the end of speech to the answer.", drawing: drawing)
  }

  // MARK: - What was sent

  private var bytes: Panel {
    let most = timeline.buckets.map { $0.bytesSent + $0.bytesReceived }.max() ?? 0
    let unit = Self.unit(most)
    return Panel(
      heading: "What was sent and received",
      sentence:
        "Bytes between device and edge in every \(DecisionReport.length(timeline.length)), everything that the network "
        + "carries for it included.",
      drawing: bars(
        "Bytes over time", unit.name,
        [
          .init(
            name: "sent", color: Self.edgeColor,
            values: timeline.buckets.map { $0.bytesSent / unit.bytes }),
          .init(
            name: "received", color: Self.deviceColor,
            values: timeline.buckets.map { $0.bytesReceived / unit.bytes }),
        ]))
  }

  private var cumulativeBytes: Panel {
    let sent = timeline.buckets.reduce(0) { $0 + $1.bytesSent }
    let received = timeline.buckets.reduce(0) { $0 + $1.bytesReceived }
    let unit = Self.unit(max(sent, received))
    func sums(_ name: String, _ color: String, _ value: (DecisionTimeline.Bucket) -> Double)
      -> Plot.Series
    {
      var sum = 0.0
      var points = [(x: axis.range.lowerBound, y: 0.0)]
      for (index, bucket) in timeline.buckets.enumerated() {
        sum += value(bucket) / unit.bytes
        points.append((x: timeline.span(index).upperBound, y: sum))
      }
      return Plot.Series(name: name, points: points, color: color, isBold: true)
    }
    return Panel(
      heading: "Sent and received so far",
      sentence: "The same, added up from the beginning.",
      drawing: plot(
        "Bytes so far", unit.name, 0...max(sent, received, 1) / unit.bytes * 1.05,
        [
          sums("sent", Self.edgeColor, \.bytesSent),
          sums("received", Self.deviceColor, \.bytesReceived),
        ]
      ))
  }

  /// The unit in which this many bytes is a number of at most four digits.
  static func unit(_ bytes: Double) -> (name: String, bytes: Double) {
    switch bytes {
    case ..<2e3: ("bytes", 1)
    case ..<2e6: ("kB", 1e3)
    case ..<2e9: ("MB", 1e6)
    default: ("GB", 1e9)
    }
  }

  // MARK: - What went wrong

  private var fallbacks: Panel {
    let known = FallbackReason.allCases.map(\.rawValue)
    let kinds =
      known.filter { summary.byFallback[$0] != nil }
      + Set(timeline.buckets.flatMap(\.fallbacks.keys)).subtracting(known).sorted()
    let layers = kinds.map { kind in
      StackedBars.Layer(
        name: ReasonWords.fallback(kind),
        color: ReasonWords.fallbackColors[kind] ?? Self.noneColor,
        values: timeline.buckets.map { Double($0.fallbacks[kind] ?? 0) })
    }
    return Panel(
      heading: "When the edge was asked in vain" + (kinds.isEmpty ? ": never" : ""),
      sentence: kinds.isEmpty
        ? "It never was: every utterance that was sent to the edge was answered by it."
        : "Utterances for which the edge was asked and the device had to answer itself, by what went wrong.",
      drawing: bars("Failures of the edge over time by kind", "utterances", layers))
  }

  // MARK: - Predicted and measured

  private var costs: Panel {
    Panel(
      heading: "Predicted against actual cost",
      sentence:
        "Before it decides, the device predicts what an utterance will cost: waiting, energy, bytes, the edge's time and "
        + "expected errors, all weighed in one number. Afterwards it measures. On the dashed line both agree; above it "
        + "things were dearer than predicted.",
      drawing: DensityPlot(
        title: "Predicted against actual cost", xLabel: "predicted cost (logarithmic)",
        yLabel: "actual cost (logarithmic)", cells: timeline.costs, color: "#2d5c9e",
        width: Self.width, height: 320))
  }

  private var costsOverTime: Panel {
    let series = [
      line("predicted", Self.deviceColor) { $0.costs > 0 ? $0.predicted / Double($0.costs) : .nan },
      line("actual", Self.ink) { $0.costs > 0 ? $0.actual / Double($0.costs) : .nan },
    ]
    let values = series.flatMap { $0.points.map(\.y) }.filter(\.isFinite)
    let low = min(values.min() ?? 0, 0)
    return Panel(
      heading: "Predicted and actual cost over time",
      sentence: "Mean of the utterances in every \(DecisionReport.length(timeline.length)).",
      drawing: plot(
        "Predicted and actual cost over time", "cost an utterance",
        low...max((values.max() ?? 1) * 1.08, low + 1e-9), series))
  }

  // MARK: - Frames

  private func line(
    _ name: String, _ color: String, _ value: (DecisionTimeline.Bucket) -> Double
  ) -> Plot.Series {
    let points = timeline.buckets.enumerated().map { index, bucket in
      (x: (timeline.span(index).lowerBound + timeline.span(index).upperBound) / 2, y: value(bucket))
    }
    return Plot.Series(name: name, points: points, color: color, hasDots: true)
  }

  private func plot(
    _ title: String, _ yLabel: String, _ range: ClosedRange<Double>, _ series: [Plot.Series]
  ) -> Plot {
    Plot(
      title: title, xLabel: axis.label, yLabel: yLabel, xRange: axis.range, yRange: range,
      xTicks: axis.ticks, series: series, width: Self.width, height: Self.height)
  }

  private func bars(_ title: String, _ yLabel: String, _ layers: [StackedBars.Layer])
    -> StackedBars
  {
    StackedBars(
      title: title, xLabel: axis.label, yLabel: yLabel, xRange: axis.range, xTicks: axis.ticks,
      spans: timeline.buckets.indices.map(timeline.span), layers: layers, width: Self.width,
      height: Self.height)
  }
}
