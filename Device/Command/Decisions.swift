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
    var origin: AnsweredBy?
    @Option(help: "Only utterances decided by this policy.")
    var byPolicy: PolicyName?
    @Option(help: "Only the latest N utterances.")
    var limit: Int?

    func validate() throws {
      if let limit, limit < 1 { throw ValidationError("--limit must be at least 1") }
    }

    func open() throws -> DecisionLogReader {
      let settings = try options.load()
      guard let path = settings.decisionLog else {
        throw ValidationError("no decision log: name one with --decision-log-path")
      }
      return try DecisionLogReader(path: path)
    }

    var filter: DecisionFilter {
      DecisionFilter(origin: origin?.rawValue, policy: byPolicy?.rawValue, limit: limit)
    }

    /// The filter in words; nil without one.
    var selection: String? {
      let parts = [
        origin.map { "answered by \($0.rawValue)" },
        byPolicy.map { "decided by the policy \($0.rawValue)" },
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
        try Output.print(
          "id        seconds  origin  fallback          bytes      ms  predicted   actual  reason")
        try log.open().forEach(log.filter) { row in
          let cost = { (value: Double?) in value.map { String(format: "%9.4f", $0) } ?? "        -"
          }
          try Output.print(
            [
              String(row.id.prefix(8)),
              String(format: "%8.2f", row.durationSeconds),
              row.origin.padding(toLength: 7, withPad: " ", startingAt: 0),
              (row.fallbackReason ?? "-").padding(toLength: 15, withPad: " ", startingAt: 0),
              String(
                format: "%7d %7.1f", row.bytesSent + row.bytesReceived, row.answerSeconds * 1_000),
              cost(row.predictedTotal), cost(row.actualTotal), row.reason,
            ].joined(separator: " "))
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
    var html: PathArgument?
    @Option(help: "Draw the log into this file, as one picture.")
    var svg: PathArgument?

    func run() async throws {
      try await program.reporting {
        for file in [html, svg] { if let file { try OutputPath.check(file: file.path) } }
        let reader = try log.open()
        let overview = try reader.overview(
          log.filter, deadline: try log.options.load().deadlineSeconds)
        let report = DecisionReport(overview, name: reader.path, selection: log.selection)
        if let html { try Self.write(report.html, to: html.path) }
        if let svg { try Self.write(report.svg, to: svg.path) }
        try Output.print("\(overview.summary)")
      }
    }

    /// Whole or not at all: nobody looks at half a picture.
    private static func write(_ text: String, to path: String) throws {
      try OutputPath.write(Data(text.utf8), to: path)
      Output.complain("drawn in \(path)")
    }
  }

  struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "The whole log as JSON lines or CSV, on standard output.")
    @OptionGroup var log: LogOptions
    @Option(help: "jsonl or csv.")
    var format = ExportFormat.jsonl

    func run() async throws {
      try await program.reporting {
        try log.open().export(log.filter, as: format) { try Output.print($0, terminator: "") }
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
    enum Format: String, ExpressibleByArgument, CaseIterable { case json, text }
    @Option(help: "json, or text.")
    var format = Format.text
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
        if format == .json {
          let encoder = JSONEncoder()
          encoder.outputFormatting = [.sortedKeys]
          try Output.write(encoder.encode(report) + Data("\n".utf8))
        } else {
          try Output.print("\(report)")
        }
      }
    }
  }
}

extension ExportFormat: ExpressibleByArgument {}

/// Where an utterance was answered, as the log has it.
struct AnsweredBy: RawRepresentable, ExpressibleByArgument {
  let rawValue: String

  init?(rawValue: String) {
    let number = rawValue.hasPrefix("exit ") ? Int(rawValue.dropFirst(5)) : nil
    guard ["edge", "none"].contains(rawValue) || number.map({ (1...64).contains($0) }) == true
    else { return nil }
    self.rawValue = number.map { "exit \($0)" } ?? rawValue
  }

  static let allValueStrings = ["\"exit N\"", "edge", "none"]
}

/// One of the policies that there are.
struct PolicyName: RawRepresentable, ExpressibleByArgument {
  let rawValue: String

  init?(rawValue: String) {
    guard PolicyRegistry.names.contains(rawValue) else { return nil }
    self.rawValue = rawValue
  }

  static let allValueStrings = PolicyRegistry.names
}
