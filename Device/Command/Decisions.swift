import ArgumentParser
import Commands
import Conformer
import DecisionLog
import Foundation
import Offload
import Settings
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
      abstract: "Counts, reasons, latency, bytes, predicted against actual cost.")
    @OptionGroup var log: LogOptions

    func run() async throws {
      try await program.reporting { print(try log.open().summary(log.filter)) }
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
        let model = try Model.load(directory: settings.model, parts: .device)
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
