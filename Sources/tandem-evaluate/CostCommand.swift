import ArgumentParser
import Commands
import Evaluation
import Foundation

struct CostCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cost",
    abstract: "What a model's first pass costs: weights, operations, state and measured time.",
    discussion: """
      Several models are measured in turns in one run, so their times can be compared. One thread; what else the machine does \
      lengthens all of them.
      """)

  @Option(help: "A model's folder; repeatable.")
  var model: [PathArgument] = [PathArgument("Models/english")]

  @Option(help: "Seconds of audio.")
  var seconds = 10.0

  @Option(help: "Times that the audio is gone through, the first of them not counted.")
  var rounds = 4

  @Option(help: "table, or json: one object a line.")
  var format = Format.table

  func validate() throws {
    if !(0.5...600).contains(seconds) { throw ValidationError("--seconds must be 0.5 to 600") }
    if !(2...1_000).contains(rounds) { throw ValidationError("--rounds must be 2 to 1000") }
  }

  func run() throws {
    try reporting {
      let costs = try ModelCost.measure(
        models: model.map(\.path), seconds: seconds, rounds: rounds)
      if format == .json { return try printJSON(costs) }
      let width = max(12, costs.map(\.model.count).max() ?? 0)
      try show(
        pad("model", width), "parameters  blocks  Mflop/frame  state kB  ms/chunk  90 %  real time")
      for cost in costs {
        try show(
          pad(cost.model, width),
          String(
            format: "%10d %7d %12.2f %9.1f %9.2f %5.2f %10.4f", cost.deviceParameters, cost.blocks,
            cost.operationsPerFrame / 1e6, Double(cost.stateBytes) / 1e3, cost.chunkMilliseconds,
            cost.slowChunkMilliseconds, cost.realTimeFactor))
      }
    }
  }
}
