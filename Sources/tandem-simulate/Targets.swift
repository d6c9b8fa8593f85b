import ArgumentParser
import Commands
import Foundation
import Simulation

struct Targets: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure all that the controller is to reach.",
    discussion: """
      Prints one JSON object a line, and writes the same and a page to DIR/targets.jsonl and DIR/targets.html: the same
      profile, scenarios and seed give the same bytes. What depends on the machine is measured by 'tandem-simulate speed'.
      """)

  @OptionGroup var options: ProfileOptions

  @Option(help: "Folder for the report; made if it is not there.")
  var report: PathArgument

  @Option(help: "Devices in the bandit's measurements; one is one seed.")
  var banditSeeds = 100

  func validate() throws {
    if !(2...10_000).contains(banditSeeds) {
      throw ValidationError("--bandit-seeds must be 2 to 10000")
    }
  }

  func run() throws {
    try reporting {
      try OutputPath.make(folder: report.path)
      let (played, calibration) = try options.load()
      let run = try TargetsRun(
        .init(
          scenarios: options.loadScenarios(), played: played, calibration: calibration,
          seed: options.seed, banditSeeds: banditSeeds)
      ) { Output.complain($0) }
      let lines = try run.jsonLines()
      try OutputPath.write(lines, to: "\(report)/targets.jsonl")
      try OutputPath.write(Data(run.html().utf8), to: "\(report)/targets.html")
      try Output.write(lines)
    }
  }
}
