import ArgumentParser
import Basics
import Commands
import Foundation
import Offload
import Simulation

@main
struct TandemSimulate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tandem-simulate",
    abstract: "Play fleets of devices and an edge in virtual time.",
    discussion: """
      The same command with the same seed writes the same bytes.

        tandem-simulate fleet Config/scenarios/home-wifi.yaml --profile dev.profile --report out
        tandem-simulate targets --profile dev.profile --report out
        tandem-simulate fit-links ../shared/traces/hsdpa_norway_down --states 6
      """,
    version: Release.version,
    subcommands: [Fleet.self, Targets.self, Speed.self, FitLinks.self])

  static func main() async { await program.main(Self.self) }
}

/// Whatever else goes wrong is said to be the data's fault: sysexits' EX_DATAERR.
private let program = Program(name: "tandem-simulate") { error in
  switch error {
  case TraceError.unreadable, ScenarioError.unreadable, ProfileError.unreadable,
    CalibrationError.unreadable:
    .noInput
  case is UnknownPolicyError: .usage
  default: .data
  }
}

func reporting(_ body: () throws -> Void) throws { try program.reportingSynchronously(body) }
