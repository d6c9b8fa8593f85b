import ArgumentParser
import Commands
import Simulation

struct FitLinks: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fit-links",
    abstract: "Fit a Markov chain to a folder of recordings: a scenario's link.fallback.")

  @Argument(help: "Folder of recordings.")
  var folder: PathArgument

  @Option(help: "Only files whose names contain this.")
  var containing = ""

  @Option(help: "Classes of positive rates.")
  var states = 5

  @Option(help: "Seconds a step.")
  var step = 1.0

  func validate() throws {
    if !(1...64).contains(states) { throw ValidationError("--states must be 1 to 64") }
    if !(0.01...3600).contains(step) { throw ValidationError("--step must be 0.01 to 3600") }
  }

  func run() throws {
    try reporting {
      let files = try TraceLibrary.files(in: folder.path, containing: containing)
      guard !files.isEmpty else {
        throw TraceError.unreadable(path: folder.path, reason: "no .txt or .mahi file is in it")
      }
      let model = MarkovFit.fit(
        try files.map { try TraceLibrary.read(path: $0) }, states: states, stepSeconds: step)
      try Output.print(
        model.yaml(
          indentation: 2,
          comment: "fitted by tandem-simulate fit-links to \(files.count) recordings"))
    }
  }
}
