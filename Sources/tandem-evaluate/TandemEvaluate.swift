import ArgumentParser
import Audio
import Basics
import Commands
import Conformer
import Decoding
import Evaluation
import FeatureCodec
import Foundation
import Models
import Offload
import TandemDevice
import Whisper

@main
struct TandemEvaluate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tandem-evaluate",
    abstract: "Measure a Tandem model: error rates, splitting, thresholds.",
    discussion: """
      Every figure can be made again: one JSON object a line with --format json.

        tandem-evaluate wer --manifest shared/speech/manifest.tsv --split dev --model Models/english
        tandem-evaluate wer --manifest … --limit 100 --chunk 10,37,160,1000
        tandem-evaluate split --manifest … --split dev --codec lossless
        tandem-evaluate wer --manifest … --split test --peer whisper-tiny
        tandem-evaluate wer --manifest … --split dev --noise running_tap.opus --snr 10
        tandem-evaluate fit-confidence --manifest … --split dev --write --svg confidence.svg
        tandem-evaluate fit-thresholds --manifest … --split dev --write
        tandem-evaluate profile --manifest … --split dev --output dev.profile
        tandem-evaluate cost --model Models/english --model Models/other
        tandem-evaluate tune-language-model --manifest … --split dev --write
        tandem-evaluate import faster-whisper-base --output whisper-base
      """,
    version: Release.version,
    subcommands: [
      WordErrorRateCommand.self, SplitCommand.self, FitThresholdsCommand.self, ProfileCommand.self,
      TuneLanguageModelCommand.self, FitConfidenceCommand.self, CostCommand.self,
      ImportCommand.self,
    ])

  static func main() async { await program.main(Self.self) }
}

extension ModelConfiguration.SecondPassDecoder: ExpressibleByArgument {}
extension ConfidenceCriterion: ExpressibleByArgument {}

enum Format: String, ExpressibleByArgument, CaseIterable { case table, json }

struct CommonOptions: ParsableArguments {
  @Option(help: "The recordings: tab-separated, with the columns path and text.")
  var manifest: PathArgument

  @Option(name: .customLong("model"), help: "The model's folder.")
  var modelFolder = PathArgument("Models/english")

  var model: String { modelFolder.path }

  @Option(help: "Only this split (train, dev, test) of a manifest that has a column split.")
  var split: String?

  @Option(help: "Only the first N recordings.")
  var limit: Int?

  @Option(
    help:
      "Paths of the edge's beam search; 1 is greedy. 8 if left out, and 1 for Whisper's family, whose paths cost far more."
  )
  var beam: Int?

  @Option(help: "The edge's decoder: transducer, ctc or fused; what the model says if left out.")
  var decoder: ModelConfiguration.SecondPassDecoder?

  @OptionGroup var words: WordOptions

  @Flag(
    help:
      "Let a model of Whisper's family hear 30 s whatever was said, as its public weights were trained."
  )
  var paddedWindows = false

  @Option(
    help:
      "What is spoken, such as en, for a model that knows several languages; what model.json says if left out."
  )
  var language: String?

  @Option(help: "Threads.")
  var threads = ProcessInfo.processInfo.activeProcessorCount

  @Option(help: "table, or json: one object a line.")
  var format = Format.table

  func validate() throws {
    if let limit, limit < 1 { throw ValidationError("--limit must be at least 1") }
    if let beam, !(1...64).contains(beam) { throw ValidationError("--beam must be 1 to 64") }
    if !(1...256).contains(threads) { throw ValidationError("--threads must be 1 to 256") }
  }

  func load() throws -> Manifest { try Manifest(path: manifest.path, split: split) }

  /// The ways to a transcript that the options describe.
  func paths(codec: FeatureCodec, needsEdge: Bool = true) throws -> Paths {
    try Paths(
      modelDirectory: model, beamWidth: beam, decoder: decoder,
      languageModel: words.languageModel.side, exitLanguageModel: words.exitLanguageModel.side,
      lexicon: words.lexicon.map { try Lexicon(path: $0.path) },
      weights: words.weights(model: model, decoder: decoder), codec: codec, needsEdge: needsEdge,
      options: WhisperOptions(padsWindows: paddedWindows, language: language))
  }
}

/// `lossless` is what people say; `float32` is what the table calls it.
func codec(named name: String) throws -> FeatureCodec {
  try FeatureCodec.named(name == "lossless" ? "float32" : name)
}

func printJSON(_ rows: [some Encodable]) throws {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  for row in rows { try Output.write(encoder.encode(row) + Data("\n".utf8)) }
}

/// One line of a table.
func show(_ parts: String...) throws { try Output.print(parts.joined(separator: " ")) }

func percent(_ rate: Double) -> String { String(format: "%6.2f %%", rate * 100) }

func pad(_ text: String, _ width: Int) -> String {
  text.padding(toLength: max(width, text.count), withPad: " ", startingAt: 0)
}

/// Whatever else goes wrong is said to be the data's fault: sysexits' EX_DATAERR.
private let program = Program(name: "tandem-evaluate") { error in
  switch error {
  case ManifestError.unreadable, ModelError.missingFile, LexiconError.unreadable,
    AudioError.notFound:
    .noInput
  default: .data
  }
}

func reporting(_ body: () throws -> Void) throws { try program.reportingSynchronously(body) }

struct WordErrorRateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wer",
    abstract:
      "Word error rate of every exit and, where the model has one, of the edge path, per data set.")

  @OptionGroup var common: CommonOptions

  @Option(help: "Also feed the audio in pieces of these milliseconds (10,37,160) and compare.")
  var chunk: String?

  @Option(help: "Codec between device and edge: \(FeatureCodec.names.joined(separator: ", ")).")
  var codec = "int8"

  @Option(help: "Split layer of the edge path; the last block if left out.")
  var splitLayer: Int?

  @Option(help: "Mix this recording into every utterance, at --snr.")
  var noise: PathArgument?

  @Option(help: "Decibels of speech above the noise.")
  var snr: Double?

  @Option(help: "Print another recogniser beside ours: whisper-tiny, through --peer-python.")
  var peer: String?

  @Option(help: "A Python with the training package's synthesis extra.")
  var peerPython = PathArgument(".venv/bin/python")

  @Option(
    help:
      "Keep the peer's transcripts in this file, and ask only for what is not there yet: it is slow."
  )
  var peerTranscripts: PathArgument?

  @Option(
    help: "Count how often this phrase comes out where it was, and was not, said; repeatable.")
  var phrase: [String] = []

  @Option(help: "Also look at these sets together, as NAME=SET,SET; repeatable.")
  var pool: [String] = []

  @Option(
    help:
      "Also count where utterances stop by the model's thresholds for this criterion: \(ConfidenceCriterion.allCases.map(\.rawValue).joined(separator: ", "))."
  )
  var criterion: ConfidenceCriterion?

  /// The options' pools.
  func pools() throws -> [WordErrorRateEvaluation.Pool] {
    try pool.map { text in
      let parts = text.split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else {
        throw ValidationError("--pool wants NAME=SET,SET, not \"\(text)\"")
      }
      return .init(name: String(parts[0]), sets: parts[1].split(separator: ",").map(String.init))
    }
  }

  func validate() throws {
    if (noise == nil) != (snr == nil) { throw ValidationError("--noise and --snr go together") }
    if let snr, !(-20...100).contains(snr) { throw ValidationError("--snr must be -20 to 100") }
    _ = try pools()
    if let peer, peer != "whisper-tiny" {
      throw ValidationError("--peer knows whisper-tiny, not \"\(peer)\"")
    }
  }

  func run() throws {
    try reporting {
      var chunks: [Int] = []
      if let chunk {
        chunks = try chunk.split(separator: ",").map {
          guard let value = Int($0), (1...600_000).contains(value) else {
            throw ValidationError("--chunk wants milliseconds such as 10,37,160, not \"\(chunk)\"")
          }
          return value
        }
      }
      if let peerTranscripts { try OutputPath.check(file: peerTranscripts.path) }
      let manifest = try common.load()
      let paths = try common.paths(
        codec: tandem_evaluate.codec(named: codec), needsEdge: false)
      let layer = splitLayer ?? paths.model.blockCount
      guard (0...paths.model.blockCount).contains(layer) else {
        throw ValidationError("--split-layer must be 0 to \(paths.model.blockCount)")
      }
      let bar = ProgressBar("wer", total: min(common.limit ?? .max, manifest.items.count))
      let result = try WordErrorRateEvaluation(
        manifest: manifest, paths: paths, limit: common.limit, chunks: chunks, splitLayer: layer,
        noise: noise.map { try NoiseMixing(path: $0.path, decibels: snr ?? 0) },
        peer: peer.map { _ in
          PeerRecognizer(
            python: peerPython.path, threads: common.threads, kept: peerTranscripts?.path)
        },
        phrases: phrase.map { $0.uppercased() }, pools: try pools(),
        selection: try criterion.map {
          (try DeviceRecognizer.calibration(directory: common.model), $0)
        },
        threads: common.threads, progress: { bar.update($0) })
      if common.format == .json {
        try printJSON(result.rows)
        try printJSON(result.chunks)
        try printJSON(result.comparisons)
        try printJSON(result.phrases)
        try printJSON(result.selections)
      } else {
        let width = max(12, result.rows.map(\.set.count).max() ?? 0)
        try show(
          pad("set", width), pad("path", 7),
          "     WER   95 % interval           sub   del   ins  words  utterances")
        for row in result.rows {
          try show(
            pad(row.set, width), pad(row.path, 7), percent(row.wordErrorRate),
            "[\(percent(row.low)), \(percent(row.high))]",
            String(
              format: "%5d %5d %5d %6d %6d", row.substitutions, row.deletions, row.insertions,
              row.words, row.utterances))
        }
        for row in result.comparisons where row.low > 0 {
          try show(
            "\(row.set): \(row.path) is worse than \(row.before) by", percent(row.difference))
        }
        for row in result.selections {
          try show(
            "\(row.set): stopped at exits \(row.answered.dropLast().map(String.init).joined(separator: ", ")), none sure \(row.answered.last ?? 0);",
            String(format: "%.2f blocks;", row.averageDepth), "device",
            percent(row.deviceWordErrorRate),
            row.cascadeWordErrorRate.map { "with the edge \(percent($0))" } ?? "")
        }
        for row in result.phrases {
          try show(
            "\(row.phrase), \(row.path): found \(row.found) of \(row.said), \(row.falseAccepts) false in",
            String(format: "%.2f h", row.otherHours))
        }
        for row in result.chunks {
          try show(
            "pieces of \(row.chunkMilliseconds) ms: \(row.differing) of \(row.transcripts) transcripts differ"
          )
        }
      }
      if result.chunks.contains(where: { $0.differing > 0 }) { throw ExitCode(1) }
    }
  }
}

struct SplitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "split",
    abstract: "How many transcripts differ between split and unsplit, for every split layer.")

  @OptionGroup var common: CommonOptions

  @Option(help: "lossless, or one of \(FeatureCodec.names.joined(separator: ", ")).")
  var codec = "lossless"

  func run() throws {
    try reporting {
      let manifest = try common.load()
      let paths = try common.paths(codec: tandem_evaluate.codec(named: codec))
      let bar = ProgressBar("split", total: min(common.limit ?? .max, manifest.items.count))
      let result = try SplitEvaluation(
        manifest: manifest, paths: paths, limit: common.limit, threads: common.threads,
        progress: { bar.update($0) })
      if common.format == .json {
        try printJSON(result.rows)
      } else {
        for row in result.rows {
          try show(
            "split layer \(row.splitLayer), \(row.codec): \(row.differing) of \(row.utterances) transcripts differ, \(Int(row.bytesPerSecond)) bytes a second"
          )
        }
      }
      // A lossless split that changes a transcript is a defect, so scripts can rely on the status.
      if paths.codec.isLossless, result.rows.contains(where: { $0.differing > 0 }) {
        throw ExitCode(1)
      }
    }
  }
}

struct FitThresholdsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fit-thresholds",
    abstract: "Fit every exit's confidence threshold on dev data.")

  @OptionGroup var common: CommonOptions

  @Option(help: "Codec between device and edge.")
  var codec = "int8"

  @Option(help: "Word errors that shipping an utterance must save to be worth it.")
  var offloadPrice = ThresholdFit().offloadPrice

  @Option(help: "The data's name in the calibration; the manifest's path if left out.")
  var name: String?

  @Flag(help: "Write calibration.json into the model's folder, instead of printing it.")
  var write = false

  func validate() throws {
    if !(0...1_000).contains(offloadPrice) {
      throw ValidationError("--offload-price must be 0 to 1000")
    }
  }

  func run() throws {
    try reporting {
      if write { try OutputPath.check(file: common.model + "/" + Calibration.fileName) }
      let manifest = try common.load()
      let paths = try common.paths(codec: tandem_evaluate.codec(named: codec))
      let bar = ProgressBar("fit", total: min(common.limit ?? .max, manifest.items.count))
      let result = try ThresholdFitting(
        manifest: manifest,
        name: name ?? common.manifest.path + (common.split.map { " (\($0))" } ?? ""), paths: paths,
        fit: ThresholdFit(offloadPrice: offloadPrice),
        splitLayer: paths.model.blockCount, limit: common.limit, threads: common.threads,
        progress: { bar.update($0) })
      if write {
        let path = common.model + "/" + Calibration.fileName
        try OutputPath.write(result.calibration.json(), to: path)
        try show("wrote \(path)")
      } else {
        try show(String(decoding: result.calibration.json(), as: UTF8.self))
      }
      for criterion in ConfidenceCriterion.allCases {
        guard let outcome = result.outcomes[criterion] else { continue }
        let exits = outcome.answeredByExit.sorted { $0.key < $1.key }
          .map { "exit \($0.key): \($0.value)" }.joined(separator: ", ")
        Output.complain(
          "\(criterion.rawValue): \(exits); edge: \(outcome.answeredByEdge); WER \(percent(outcome.errorRate ?? 0))"
        )
      }
    }
  }
}
