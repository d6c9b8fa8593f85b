import ArgumentParser
import Foundation
import Offload
import Settings
import Simulation

struct Fleet: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare policies on one scenario.",
    discussion: """
      Writes DIR/NAME.jsonl (one object a strategy) and DIR/NAME.html. Without --calibration the policies' thresholds
      are fitted on the profile itself, which flatters them: fit them on other data for figures that count.
      """)

  @Argument(help: "The scenario's YAML file.")
  var scenario: String

  @Option(help: "Ground truth, as 'tandem-evaluate profile' writes it.")
  var profile: String

  @Option(
    help:
      "Policies by name with commas between them, 'all', or 'policies' for no baselines and oracles."
  )
  var policies = "all"

  @Option(help: "All chance comes from it.")
  var seed: UInt64 = 1

  @Option(help: "Folder for the report; made if it is not there.")
  var report: String

  @Option(help: "calibration.json of the model; without it thresholds are fitted on the profile.")
  var calibration: String?

  @Option(help: "Another profile, to fit thresholds and error curves on.")
  var fit: String?

  @Option(help: "Costs, such as Config/costs.yaml; without it the values that stand there.")
  var costs: String?

  @Option(
    help: "Folder that holds traces/; without it TANDEM_SHARED, or 'shared' in a folder above.")
  var shared: String?

  func run() throws {
    try reporting {
      let costModel = try costs.map { try CostSettings.load(SettingsFile(path: $0)) } ?? .standard
      let scenario = try Scenario(
        path: scenario, shared: shared ?? TraceLibrary.sharedFolder(), costs: costModel, seed: seed)
      let profile = try Profile(path: profile)
      let comparison = try Comparison(
        scenario: scenario, profile: profile, calibration: loadCalibration(profile),
        strategies: strategies(profile), seed: seed, progress: Progress().tell)
      try FileManager.default.createDirectory(
        atPath: report, withIntermediateDirectories: true)
      let name = URL(fileURLWithPath: self.scenario).deletingPathExtension().lastPathComponent
      try comparison.jsonLines().write(to: URL(fileURLWithPath: "\(report)/\(name).jsonl"))
      try Data(comparison.html().utf8).write(to: URL(fileURLWithPath: "\(report)/\(name).html"))
      printTable(comparison)
    }
  }

  private func strategies(_ profile: Profile) throws -> [Strategy] {
    switch policies {
    case "all": return Strategy.all(profile: profile)
    case "policies": return PolicyRegistry.names.map { .policy($0) }
    default:
      return try Strategy.named(
        policies.split(separator: ",").map(String.init), profile: profile)
    }
  }

  private func loadCalibration(_ profile: Profile) throws -> Calibration {
    if let calibration {
      guard let json = FileManager.default.contents(atPath: calibration) else {
        throw CalibrationError.unreadable(path: calibration, reason: "there is no such file")
      }
      return try Calibration(json: json, path: calibration)
    }
    if let fit { return ProfileOptions.fit(try Profile(path: fit)) }
    FileHandle.standardError.write(
      Data("no --calibration: thresholds are fitted on the profile itself\n".utf8))
    return ProfileOptions.fit(profile)
  }

  private func printTable(_ comparison: Comparison) {
    print("strategy                      cost   WER %  median s   95 % s  offload %  regret")
    for report in comparison.reports.sorted(by: { $0.meanCost < $1.meanCost }) {
      let regret = report.regret.first { $0.against == Strategy.informedOracle.name }?.mean
      print(
        report.strategy.padding(
          toLength: max(26, report.strategy.count), withPad: " ", startingAt: 0)
          + String(
            format: "%8.3f%8.2f%10.3f%9.3f%11.1f%8.3f", report.meanCost,
            report.wordErrorRate * 100, report.medianLatency ?? 0, report.latency95 ?? 0,
            report.offloadRate * 100, regret ?? 0))
    }
    if let headroom = comparison.headroom {
      print(
        String(
          format: "best fixed strategy %.1f %% above the informed oracle%@", headroom * 100,
          headroom < 0.15 ? ": too little for this scenario to count" : ""))
    }
  }
}
