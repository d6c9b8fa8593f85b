import ArgumentParser
import Commands
import Conformer
import Decoding
import Evaluation
import FeatureCodec
import Foundation
import Offload
import Plotting

struct FitConfidenceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fit-confidence",
    abstract: "Fit the probability that an exit's transcript is right, on dev data.",
    discussion: """
      Writes confidence.json, which is outside the model's fingerprint. Calibration errors and the comparison of criteria are \
      of utterances that the fit had not seen. Fit the thresholds afterwards.
      """)

  @OptionGroup var common: CommonOptions

  @Option(help: "The data's name in the file; the manifest's path if left out.")
  var name: String?

  @Flag(help: "Write confidence.json into the model's folder, instead of printing it.")
  var write = false

  @Option(help: "Draw reliability, and error rate against depth, into this SVG file.")
  var svg: PathArgument?

  /// One line of `--format json`: a criterion's curve (experiment 2), or an exit's calibration.
  struct Row: Encodable {
    var result: String
    var criterion: String?
    var area: Double?
    var points: [[Double]]?
    var exit: Int?
    var expectedCalibrationError: Double?
    var bins: [[Double]]?
    var right: Int?
    var utterances: Int?
  }

  func run() throws {
    try reporting {
      if let svg { try OutputPath.check(file: svg.path) }
      if write { try OutputPath.check(file: common.model + "/" + ExitConfidence.fileName) }
      let manifest = try common.load()
      let paths = try common.paths(codec: FeatureCodec.named("int8"), needsEdge: false)
      let bar = ProgressBar("fit", total: min(common.limit ?? .max, manifest.items.count))
      let result = try ConfidenceFitting(
        manifest: manifest,
        name: name ?? common.manifest.path + (common.split.map { " (\($0))" } ?? ""), paths: paths,
        limit: common.limit, threads: common.threads, progress: { bar.update($0) })
      if let svg {
        try OutputPath.write(Data(picture(result).svg.utf8), to: svg.path)
      }
      if write {
        let path = common.model + "/" + ExitConfidence.fileName
        try OutputPath.write(result.confidence.json(), to: path)
      }
      if common.format == .json {
        try printJSON(rows(result))
      } else {
        if write {
          try show("wrote \(common.model)/\(ExitConfidence.fileName)")
        } else {
          try show(String(decoding: result.confidence.json(), as: UTF8.self))
        }
        for exit in result.confidence.exits {
          try show(
            "exit \(exit.exit): \(exit.right) of \(exit.utterances) transcripts right, expected calibration error \(percent(exit.calibrationError))"
          )
        }
        for curve in result.selection.sorted(by: { $0.area < $1.area }) {
          try show(
            pad(curve.criterion.rawValue, 18), "error rate over all average depths",
            percent(curve.area)
          )
        }
      }
    }
  }

  private func rows(_ result: ConfidenceFitting) -> [Row] {
    zip(result.confidence.exits, result.reliability).map { exit, reliability in
      Row(
        result: "exit-calibration", exit: exit.exit,
        expectedCalibrationError: exit.calibrationError,
        bins: reliability.bins.map { [$0.predicted, $0.observed, Double($0.count)] },
        right: exit.right, utterances: exit.utterances)
    }
      + result.selection.map { curve in
        Row(
          result: "exit-selection", criterion: curve.criterion.rawValue, area: curve.area,
          points: curve.points.map { [$0.averageDepth, $0.errorRate] })
      }
  }

  private func picture(_ result: ConfidenceFitting) -> PictureSheet {
    let colors = [
      "#1b6ca8", "#c8553d", "#3a7d44", "#8e6c8a", "#b08900", "#555555", "#00838f", "#ad1457",
    ]
    let reliability = Plot(
      title: "Predicted probability against what came true", xLabel: "predicted",
      yLabel: "share of transcripts that were right", xRange: 0...1, yRange: 0...1,
      series: [
        Plot.Series(name: "perfect", points: [(0, 0), (1, 1)], color: "#999999", dashes: "4 3")
      ]
        + result.reliability.enumerated().map { index, reliability in
          Plot.Series(
            name: "exit \(index + 1)", points: reliability.bins.map { ($0.predicted, $0.observed) },
            color: colors[index % colors.count], hasDots: true)
        })
    let all = result.selection.flatMap(\.points)
    let depths = (all.map(\.averageDepth).min() ?? 0)...(all.map(\.averageDepth).max() ?? 1)
    let selection = Plot(
      title: "Word error rate against average depth", xLabel: "blocks computed, on average",
      yLabel: "word error rate", xRange: depths,
      yRange: 0.9 * (all.map(\.errorRate).min() ?? 0)...(all.map(\.errorRate).max() ?? 1),
      series: result.selection.enumerated().map { index, curve in
        Plot.Series(
          name: curve.criterion.rawValue,
          points: curve.points.map { ($0.averageDepth, $0.errorRate) },
          color: colors[index % colors.count], isBold: curve.criterion == .probability)
      })
    return PictureSheet(
      title: "Exit confidence",
      lines: [
        "\(result.confidence.manifest): each utterance predicted by a fit on the others' four fifths.",
        "Expected calibration error: "
          + result.confidence.exits.map {
            "exit \($0.exit) \(HTMLText.percent($0.calibrationError))"
          }.joined(separator: ", "),
      ],
      panels: [
        .init(heading: "Reliability", drawing: reliability),
        .init(heading: "Exit selection", drawing: selection),
      ])
  }
}
