import ArgumentParser
import Commands
import Evaluation
import FeatureCodec
import Foundation

struct ProfileCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "profile",
    abstract:
      "Write the simulator's ground truth: every exit, split layer and codec of every utterance.")

  @OptionGroup var common: CommonOptions

  @Option(help: "The file to write.")
  var output: PathArgument

  @Option(help: "The data's name in the profile; the manifest's path if left out.")
  var name: String?

  func run() throws {
    try reporting {
      try OutputPath.check(file: output.path)
      let manifest = try common.load()
      let paths = try common.paths(codec: FeatureCodec.at(0))
      let bar = ProgressBar("profile", total: min(common.limit ?? .max, manifest.items.count))
      let result = try SystemProfile(
        manifest: manifest,
        name: name ?? common.manifest.path + (common.split.map { " (\($0))" } ?? ""), paths: paths,
        limit: common.limit, threads: common.threads, progress: { bar.update($0) })
      try OutputPath.write(result.profile.jsonLines(), to: output.path)
      try show("wrote \(output): \(result.profile.utterances.count) utterances")
    }
  }
}
