import ArgumentParser
import Commands
import DecisionLog
import Foundation
import Offload
import Settings
import SpeechModels
import TandemDevice

struct Decisions: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Look at the decision log.",
    subcommands: [List.self, Summary.self, Export.self, Replay.self])

  struct LogOptions: ParsableArguments {
    @OptionGroup var options: DeviceOptions
    @Option(help: "Only utterances answered there: \"exit 2\", edge or none.")
    var origin: String?
    @Option(help: "Only utterances decided by this policy.")
    var byPolicy: String?
    @Option(help: "Only the latest N utterances.")
    var limit: Int?

    func open() throws -> DecisionLogReader {
      let settings = try options.load()
      guard let path = settings.decisionLog else {
        throw ValidationError("no decision log: name one with --decision-log-path")
      }
      return try DecisionLogReader(path: path)
    }

    var filter: DecisionFilter { DecisionFilter(origin: origin, policy: byPolicy, limit: limit) }

    /// The filter in words; nil without one.
    var selection: String? {
      let parts = [
        origin.map { "answered by \($0)" }, byPolicy.map { "decided by the policy \($0)" },
        limit.map { "the latest \($0)" },
      ].compactMap { $0 }
      return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "One line an utterance.")
    @OptionGroup var log: LogOptions

    func run() async throws {
      try await program.reporting {
        print(
          "id        seconds  origin  fallback          bytes      ms  predicted   actual  reason")
        try log.open().forEach(log.filter) { row in
          let cost = { (value: Double?) in value.map { String(format: "%9.4f", $0) } ?? "        -"
          }
          print(
            row.id.prefix(8),
            String(format: "%8.2f", row.durationSeconds),
            row.origin.padding(toLength: 7, withPad: " ", startingAt: 0),
            (row.fallbackReason ?? "-").padding(toLength: 15, withPad: " ", startingAt: 0),
            String(
              format: "%7d %7.1f", row.bytesSent + row.bytesReceived, row.answerSeconds * 1_000),
            cost(row.predictedTotal), cost(row.actualTotal), row.reason)
        }
      }
    }
  }

  struct Summary: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "Counts, reasons, latency, bytes, predicted against actual cost; printed, and drawn if asked for.",
      discussion: """
          tandem-device decisions summary --html log.html   # a page for a browser, for anybody
          tandem-device decisions summary --svg log.svg     # the same drawings as one picture

        Both need nothing else to be looked at, and hold no word of what was said.
        """)
    @OptionGroup var log: LogOptions
    @Option(help: "Draw the log into this file, as a page.")
    var html: String?
    @Option(help: "Draw the log into this file, as one picture.")
    var svg: String?

    func run() async throws {
      try await program.reporting {
        let reader = try log.open()
        let overview = try reader.overview(
          log.filter, deadline: try log.options.load().deadlineSeconds)
        let report = DecisionReport(overview, name: reader.path, selection: log.selection)
        if let html { try Self.write(report.html, to: html) }
        if let svg { try Self.write(report.svg, to: svg) }
        print(overview.summary)
      }
    }

    /// Whole or not at all: nobody looks at half a picture.
    private static func write(_ text: String, to path: String) throws {
      do {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
      } catch {
        program.complain("\(path) cannot be written: \(error.localizedDescription)")
        throw ExitCode(ExitStatus.cannotCreate.rawValue)
      }
      FileHandle.standardError.write(Data("drawn in \(path)\n".utf8))
    }
  }

  struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "The whole log as JSON lines or CSV, on standard output.")
    @OptionGroup var log: LogOptions
    @Option(help: "jsonl or csv.")
    var format = "jsonl"

    func run() async throws {
      try await program.reporting {
        guard let format = ExportFormat(rawValue: format) else {
          throw ValidationError("--format must be jsonl or csv, not \"\(format)\"")
        }
        try log.open().export(log.filter, as: format) { text in
          try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
        }
      }
    }
  }

  struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Score the log again under another policy (--policy P): what would it have cost?",
      discussion: """
        Exact where a row holds what the other policy would have met; elsewhere by inverse propensity and
        doubly robust estimates, where the logged policy explored. It says so where none is defined.
        """)
    @OptionGroup var log: LogOptions
    @Option(help: "json, or text.")
    var format = "text"
    @Option(help: "Of the policy's chance and of the bootstrap.")
    var seed: UInt64 = 1

    func run() async throws {
      try await program.reporting {
        let settings = try log.options.load()
        let model = try SpeechModels.load(directory: settings.model, parts: .device)
        let calibration = try DeviceRecognizer.calibration(directory: settings.model)
        let replay = LogReplay(
          policy: try settings.makePolicy(calibration: calibration),
          models: [model.fingerprint: ModelShape(model)],
          costs: CostPredictor(model: try settings.costModel(), deviceClass: settings.deviceClass),
          deadline: settings.deadlineSeconds, seed: seed)
        let report = try replay.report(try log.open(), log.filter)
        if format == "json" {
          let encoder = JSONEncoder()
          encoder.outputFormatting = [.sortedKeys]
          print(String(decoding: try encoder.encode(report), as: UTF8.self))
        } else {
          print(report)
        }
      }
    }
  }
}
