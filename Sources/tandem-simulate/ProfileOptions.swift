import ArgumentParser
import Commands
import Foundation
import Offload
import Settings
import Simulation

/// What the measuring commands share: a profile, cut in two so that nothing is fitted on what is played.
struct ProfileOptions: ParsableArguments {
  @Option(help: "Ground truth, as 'tandem-evaluate profile' writes it.")
  var profile: PathArgument

  @Option(
    help:
      "calibration.json of the model. Without it policies know what is fitted on every other utterance of the profile, and the others are played."
  )
  var calibration: PathArgument?

  @Option(help: "Costs, such as Config/costs.yaml; without it the values that stand there.")
  var costs: PathArgument?

  @Option(help: "Folder of scenarios.")
  var scenarios = PathArgument("Config/scenarios")

  @Option(
    help: "Folder that holds traces/; without it TANDEM_SHARED, or 'shared' in a folder above.")
  var shared: PathArgument?

  @Option(help: "All chance comes from it.")
  var seed: UInt64 = 1

  /// The utterances to play, and what policies know of the exits.
  func load() throws -> (played: Profile, calibration: Calibration) {
    let whole = try Profile(path: profile.path)
    if let calibration {
      guard let json = FileManager.default.contents(atPath: calibration.path) else {
        throw CalibrationError.unreadable(path: calibration.path, reason: "there is no such file")
      }
      return (whole, try Calibration(json: json, path: calibration.path))
    }
    guard let fitted = whole.filtered({ $1 % 2 == 0 }), let played = whole.filtered({ $1 % 2 == 1 })
    else { throw ProfileError.empty(path: profile.path) }
    return (played, Self.fit(fitted))
  }

  /// Thresholds and error curves for both criteria.
  static func fit(_ profile: Profile) -> Calibration {
    Calibration(
      entries: ConfidenceCriterion.allCases.flatMap {
        ThresholdFit().fitThresholds(
          samples: profile.calibrationSamples($0), criterion: $0,
          manifest: profile.header.source)
      })
  }

  /// The folder's scenarios by file name, in alphabetical order.
  func loadScenarios() throws -> [(name: String, scenario: Scenario)] {
    let costModel =
      try costs.map { try CostSettings.load(SettingsFile(path: $0.path)) } ?? .standard
    let scenarios = self.scenarios.path
    let files = (try? FileManager.default.contentsOfDirectory(atPath: scenarios)) ?? []
    let names = files.filter { $0.hasSuffix(".yaml") }.sorted()
    guard !names.isEmpty else {
      throw ScenarioError.unreadable(
        path: scenarios, reason: "the folder holds no .yaml file; name one with --scenarios")
    }
    return try names.map { name in
      (
        String(name.dropLast(5)),
        try Scenario(
          path: scenarios + "/" + name, shared: shared?.path ?? TraceLibrary.sharedFolder(),
          costs: costModel, seed: seed)
      )
    }
  }
}
