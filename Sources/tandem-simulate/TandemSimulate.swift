import ArgumentParser
import Foundation
import Simulation

@main
struct TandemSimulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tandem-simulate",
    abstract: "Play fleets of devices and an edge in virtual time.",
    discussion: """
      The same command with the same seed writes the same bytes.

        tandem-simulate fleet Config/scenarios/home-wifi.yaml --profile dev.profile --report out
        tandem-simulate targets --profile dev.profile --report out
        tandem-simulate fit-links ../shared/traces/hsdpa_norway_down --states 6
      """,
    subcommands: [Fleet.self, Targets.self, Speed.self, FitLinks.self])
}

/// Runs a command's body; what went wrong goes to standard error, with sysexits' EX_DATAERR.
func reporting(_ body: () throws -> Void) throws {
  do {
    try body()
  } catch let error as ExitCode {
    throw error
  } catch {
    FileHandle.standardError.write(Data("tandem-simulate: \(error)\n".utf8))
    throw ExitCode(65)
  }
}
