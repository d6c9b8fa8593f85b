import Basics
import FeatureCodec
import Foundation
import Offload
import Yams

/// A fleet in a situation, from a file of `Config/scenarios`, whose README documents
/// every key.
public struct Scenario: Sendable {
  public let name: String
  public let description: String
  public internal(set) var configuration: FleetConfiguration
  /// Where the links' rates come from: for the report.
  public let linkSource: String

  private enum ArrivalKind: String, CaseIterable { case poisson, diurnal, bursts }
  private enum ModelKind: String, CaseIterable { case constant, gilbertElliott, markov }

  /// Reads a file.
  /// - Parameters:
  ///   - shared: the folder that holds `traces`; nil: generators stand in.
  ///   - seed: of the generators that stand in for recordings.
  /// - Throws: `ScenarioError`, or `TraceError` for a recording that is there and broken.
  public init(
    path: String, shared: String? = TraceLibrary.sharedFolder(), costs: CostModel = .standard,
    seed: UInt64 = 1
  ) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      let reason =
        FileManager.default.fileExists(atPath: path)
        ? "it is a folder or not readable by this user" : "there is no such file"
      throw ScenarioError.unreadable(path: path, reason: reason)
    }
    let text: String
    do {
      text = try TextLines.whole(data)
    } catch {
      throw ScenarioError.unreadable(path: path, reason: "\(error)")
    }
    try self.init(yaml: text, path: path, shared: shared, costs: costs, seed: seed)
  }

  /// Reads YAML from memory.
  public init(
    yaml: String, path: String, shared: String?, costs: CostModel = .standard, seed: UInt64 = 1
  ) throws {
    let root: Node?
    do {
      root = try Yams.compose(yaml: yaml)
    } catch {
      throw Self.named(error, path: path)
    }
    guard let root else {
      throw ScenarioError.malformed(path: path, line: 1, reason: "the file is empty")
    }
    let top = try ScenarioSection(path: path, name: "", node: root)
    name = try top.string("name")
    description = try top.string("description")
    let seconds = try top.number("hours", 0.001...8_760) * 3600
    let devices = try top.child("devices")
    let link = try top.child("link")
    let edge = try top.child("edge")
    let arrivals = try top.child("arrivals")

    let classes = try devices.numbers("classes", of: DeviceClass.self, 0...1e6)
    guard classes.contains(where: { $0.1 > 0 }) else {
      throw devices.wrong("classes", expected: "a section with a positive weight for a class")
    }
    let (traces, source) = try Self.traces(link, shared: shared, seconds: seconds, seed: seed)
    var configuration = FleetConfiguration(
      seconds: seconds, deviceCount: try devices.integer("count", 1...1_000_000),
      classes: classes.map { (class: $0.0, weight: $0.1) },
      arrivals: try Self.arrivals(arrivals), traces: traces,
      conditions: LinkConditions(
        roundTrip: try link.number("roundTripSeconds", 0...60),
        roundTripJitter: try link.number("roundTripJitterSeconds", 0...60, default: 0),
        loss: try link.number("lossProbability", 0...0.5, default: 0),
        queuedBytes: try link.number("queuedBytes", 0...1e9, default: 0)),
      edge: try Self.edge(edge, seconds: seconds, costs: costs))
    configuration.costs = costs
    configuration.batteryJoules = Dictionary(
      uniqueKeysWithValues: try devices.numbers(
        "batteryJoules", of: DeviceClass.self, 0...1e9))
    configuration.deadline = try devices.number("deadlineSeconds", 0.05...600, default: 2)
    configuration.hedge = try devices.boolean("hedge", default: true)
    configuration.observesStalls = try devices.boolean("observesStalls", default: true)
    configuration.utteranceSets = try devices.strings("utterances")
    configuration.probes = try devices.boolean("probes", default: true)
    configuration.streams = try devices.boolean("streams", default: true)
    configuration.speculation = SpeculationSettings(
      mode: try devices.choice("speculation", default: SpeculationSettings().mode),
      threshold: try devices.number(
        "speculationThreshold", 0...1, default: SpeculationSettings().threshold))
    configuration.maximumUtteranceSeconds = try devices.number(
      "maximumUtteranceSeconds", 1...600, default: 30)
    configuration.packetDuration =
      try devices.number("packetMilliseconds", 40...10_000, default: 320) / 1000
    configuration.connectSeconds = try devices.number("connectSeconds", 0.1...60, default: 3)
    let codec = try devices.string("codec", default: "int8")
    guard let index = FeatureCodec.table.first(where: { $0.name == codec })?.index else {
      throw devices.wrong(
        "codec", expected: "one of " + FeatureCodec.names.joined(separator: ", "))
    }
    configuration.codec = index
    let after = try devices.integer("offloadAfterExit", 0...64, default: 0)
    configuration.offloadAfterExit = after == 0 ? nil : after
    configuration.criterion = try devices.choice("criterion", default: .sentencePosterior)
    configuration.cloudLatency = try devices.number("cloudLatencySeconds", 0.05...600, default: 1.5)
    let budget = try devices.child("budget")
    if budget.isThere {
      configuration.budget = Budget(
        resource: try budget.choice("resource"), perDay: try budget.number("perDay", 0...1e9))
    }
    try budget.refuseUnknown()
    let outages = try link.child("outages")
    if outages.isThere {
      configuration.outages = (
        meanUpSeconds: try outages.number("meanUpSeconds", 0.1...1e7),
        meanDownSeconds: try outages.number("meanDownSeconds", 0.01...1e6)
      )
    }
    for section in [outages, devices, link, edge, arrivals, top] { try section.refuseUnknown() }
    self.configuration = configuration
    linkSource = source
  }

  private static func arrivals(_ section: ScenarioSection) throws(ScenarioError) -> ArrivalProcess {
    let perHour = 0.001...100_000.0
    let kind: ArrivalKind = try section.choice("kind")
    switch kind {
    case .poisson: return .poisson(perHour: try section.number("perHour", perHour))
    case .diurnal:
      let weights = try section.numbers("hourWeights", 0...1e6)
      guard weights.count == 24, weights.contains(where: { $0 > 0 }) else {
        throw section.wrong("hourWeights", expected: "24 numbers, one of them positive")
      }
      return .diurnal(perHour: try section.number("perHour", perHour), hourWeights: weights)
    case .bursts:
      return .bursts(
        burstsPerHour: try section.number("burstsPerHour", perHour),
        length: try section.integer("length", 1...10_000),
        pauseSeconds: try section.number("pauseSeconds", 0...3600))
    }
  }

  private static func edge(
    _ section: ScenarioSection, seconds: Double, costs: CostModel
  ) throws(ScenarioError) -> EdgeConfiguration {
    let background = try section.rows("background", 0...1e6)
    guard background.allSatisfy({ $0.count == 2 && $0[1] < 1.5 }),
      zip(background, background.dropFirst()).allSatisfy({ $0[0] < $1[0] })
    else {
      throw section.wrong(
        "background", expected: "rows [from hour, utilisation below 1.5], hours ascending")
    }
    let crashes = try section.rows("crashes", 0...8_760)
    guard crashes.allSatisfy({ $0.count == 2 && $0[0] < $0[1] }) else {
      throw section.wrong("crashes", expected: "rows [from hour, to hour]")
    }
    return EdgeConfiguration(
      workers: try section.integer("workers", 1...10_000),
      operationsPerSecond: try section.number(
        "gigaoperationsPerSecond", 0.001...1e6, default: costs.edgeOperationsPerSecond / 1e9) * 1e9,
      queueLimit: try section.integer("queueLimit", 1...100_000, default: 64),
      streamLimit: try section.integer("streams", 1...100_000, default: 256),
      isShared: try section.boolean("shared", default: true),
      background: background.map { .init(fromSecond: $0[0] * 3600, utilisation: $0[1]) },
      backgroundServiceSeconds: try section.number(
        "backgroundServiceSeconds", 0.001...60, default: 0.1),
      crashes: Outages(windows: crashes.map { $0[0] * 3600...$0[1] * 3600 }))
  }

  /// The recordings that the patterns name, or what the fall-back makes.
  private static func traces(
    _ section: ScenarioSection, shared: String?, seconds: Double, seed: UInt64
  ) throws -> (traces: [RateTrace], source: String) {
    let patterns = try section.strings("traces")
    let share = try section.number("uplinkShare", 1e-6...1_000, default: 1)
    let fallback = try section.child("fallback")
    let model = fallback.isThere ? try rateModel(fallback) : nil
    try fallback.refuseUnknown()
    if let shared, !patterns.isEmpty {
      var traces: [RateTrace] = []
      for pattern in patterns {
        // "family" or "family/part of the name".
        let parts = pattern.split(separator: "/", maxSplits: 1).map(String.init)
        let folder = shared + "/traces/" + parts[0]
        guard FileManager.default.fileExists(atPath: folder) else { continue }
        for file in try TraceLibrary.files(
          in: folder, containing: parts.count > 1 ? parts[1] : "")
        {
          traces.append(try TraceLibrary.read(path: file).scaled(by: share))
        }
      }
      if !traces.isEmpty {
        return (
          traces,
          "\(traces.count) recordings of \(patterns.joined(separator: ", ")), times \(share)"
        )
      }
    }
    guard let model else { throw ScenarioError.noTraces(path: section.path, patterns: patterns) }
    var generator = SeededGenerator(seed: seed).stream(6)
    // Sixteen pieces of half an hour at most: variety between devices in bounded memory.
    let traces = try (0..<16).map { _ in
      try model.trace(seconds: min(seconds, 1_800), generator: &generator).scaled(by: share)
    }
    return (
      traces, "a generator (\(patterns.isEmpty ? "as configured" : "the recordings are not here"))"
    )
  }

  private static func rateModel(_ section: ScenarioSection) throws(ScenarioError) -> RateModel {
    let rate = 0...20_000.0
    let kind: ModelKind = try section.choice("kind")
    switch kind {
    case .constant:
      return .constant(
        megabitsPerSecond: try section.number("megabitsPerSecond", 1e-6...20_000))
    case .gilbertElliott:
      return .gilbertElliott(
        goodMegabitsPerSecond: try section.number("goodMegabitsPerSecond", 1e-6...20_000),
        badMegabitsPerSecond: try section.number("badMegabitsPerSecond", rate),
        goodSeconds: try section.number("goodSeconds", 0.001...1e6),
        badSeconds: try section.number("badSeconds", 0.001...1e6))
    case .markov:
      let step = try section.number("stepSeconds", 0.01...3600)
      let rates = try section.numbers("megabitsPerSecond", rate)
      let rows = try section.rows("rows", 0...1)
      guard !rates.isEmpty, rates.contains(where: { $0 > 0 }) else {
        throw section.wrong("megabitsPerSecond", expected: "a list with a positive rate")
      }
      guard rows.count == rates.count,
        rows.allSatisfy({ $0.count == rates.count && abs($0.reduce(0, +) - 1) < 0.01 })
      else {
        throw section.wrong(
          "rows", expected: "one row a rate, each with one probability a rate and the sum 1")
      }
      return .markov(stepSeconds: step, megabitsPerSecond: rates, rows: rows)
    }
  }

  private static func named(_ error: any Error, path: String) -> ScenarioError {
    switch error as? YamlError {
    case .duplicatedKeysInMapping(let duplicates, let context):
      .malformed(
        path: path, line: context.mark.line,
        reason: "'\(duplicates.first ?? "?")' stands there twice")
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      .malformed(path: path, line: mark.line, reason: problem)
    default: .malformed(path: path, line: 1, reason: "\(error)")
    }
  }
}
