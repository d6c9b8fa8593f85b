import ArgumentParser
import Commands
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
  var scenario: PathArgument

  @Option(help: "Ground truth, as 'tandem-evaluate profile' writes it.")
  var profile: PathArgument

  @Option(
    help:
      "Policies by name with commas between them, 'all', or 'policies' for no baselines and oracles."
  )
  var policies = "all"

  @Option(help: "All chance comes from it.")
  var seed: UInt64 = 1

  @Option(help: "Folder for the report; made if it is not there.")
  var report: PathArgument

  @Option(help: "calibration.json of the model; without it thresholds are fitted on the profile.")
  var calibration: PathArgument?

  @Option(help: "Another profile, to fit thresholds and error curves on.")
  var fit: PathArgument?

  @Option(help: "Costs, such as Config/costs.yaml; without it the values that stand there.")
  var costs: PathArgument?

  @Option(
    help: "Folder that holds traces/; without it TANDEM_SHARED, or 'shared' in a folder above.")
  var shared: PathArgument?

  func run() throws {
    try reporting {
      try OutputPath.make(folder: report.path)
      let costModel =
        try costs.map { try CostSettings.load(SettingsFile(path: $0.path)) } ?? .standard
      let scenario = try Scenario(
        path: scenario.path, shared: shared?.path ?? TraceLibrary.sharedFolder(), costs: costModel,
        seed: seed)
      let profile = try Profile(path: profile.path)
      let comparison = try Comparison(
        scenario: scenario, profile: profile, calibration: loadCalibration(profile),
        strategies: strategies(profile), seed: seed, progress: Progress().tell)
      let name = URL(fileURLWithPath: self.scenario.path).deletingPathExtension().lastPathComponent
      try OutputPath.write(comparison.jsonLines(), to: "\(report)/\(name).jsonl")
      try OutputPath.write(Data(comparison.html().utf8), to: "\(report)/\(name).html")
      try printTable(comparison)
    }
  }

  private func strategies(_ profile: Profile) throws -> [Strategy] {
    switch policies {
    case "all": return Strategy.all(profile: profile)
    case "policies": return PolicyRegistry.names.map { .policy($0) }
    default:
      let names = policies.split(separator: ",").map {
        $0.trimmingCharacters(in: .whitespaces)
      }.filter { !$0.isEmpty }
      guard !names.isEmpty else {
        throw ValidationError("--policies names none; give names with commas between them, or all")
      }
      return try Strategy.named(names, profile: profile)
    }
  }

  private func loadCalibration(_ profile: Profile) throws -> Calibration {
    if let calibration {
      guard let json = FileManager.default.contents(atPath: calibration.path) else {
        throw CalibrationError.unreadable(path: calibration.path, reason: "there is no such file")
      }
      return try Calibration(json: json, path: calibration.path)
    }
    if let fit { return ProfileOptions.fit(try Profile(path: fit.path)) }
    Output.complain("no --calibration: thresholds are fitted on the profile itself")
    return ProfileOptions.fit(profile)
  }

  private func printTable(_ comparison: Comparison) throws {
    try Output.print(
      "strategy                      cost   WER %  median s   95 % s  offload %  regret")
    for report in comparison.reports.sorted(by: { $0.meanCost < $1.meanCost }) {
      let regret = report.regret.first { $0.against == Strategy.informedOracle.name }?.mean
      try Output.print(
        report.strategy.padding(
          toLength: max(26, report.strategy.count), withPad: " ", startingAt: 0)
          + String(
            format: "%8.3f%8.2f%10.3f%9.3f%11.1f%8.3f", report.meanCost,
            report.wordErrorRate * 100, report.medianLatency ?? 0, report.latency95 ?? 0,
            report.offloadRate * 100, regret ?? 0))
    }
    if let headroom = comparison.headroom {
      try Output.print(
        String(
          format: "best fixed strategy %.1f %% above the informed oracle%@", headroom * 100,
          headroom < 0.15 ? ": too little for this scenario to count" : ""))
    }
  }
}
