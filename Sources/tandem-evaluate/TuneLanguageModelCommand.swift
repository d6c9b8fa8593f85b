import ArgumentParser
import Commands
import Conformer
import Decoding
import Evaluation
import FeatureCodec
import Foundation
import Models

struct TuneLanguageModelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tune-language-model",
    abstract: "Find the search's weights on dev data, for each head and language model.",
    discussion: """
      Writes decoding.json, which is outside the model's fingerprint: weights can be tuned again without a new model. Fit the \
      thresholds afterwards, because they depend on what the edge answers.
      """)

  @OptionGroup var common: CommonOptions

  @Option(help: "Codec between device and edge.")
  var codec = "int8"

  @Option(help: "The data's name in the file; the manifest's path if left out.")
  var name: String?

  @Option(
    parsing: .upToNextOption,
    help: "Which language models: edge, device; those that the model has if left out.")
  var sides: [WordOptions.LanguageModelChoice] = []

  @Flag(help: "Write decoding.json into the model's folder, instead of printing it.")
  var write = false

  func run() throws {
    try reporting {
      if write { try OutputPath.check(file: common.model + "/" + DecodingSettings.fileName) }
      let manifest = try common.load()
      let paths = try Paths(
        modelDirectory: common.model, beamWidth: common.beam, languageModel: nil,
        codec: tandem_evaluate.codec(named: codec))
      let bar = ProgressBar("encode", total: min(common.limit ?? .max, manifest.items.count))
      var tuning = try LanguageModelTuning(
        manifest: manifest,
        name: name ?? common.manifest.path + (common.split.map { " (\($0))" } ?? ""), paths: paths,
        beamWidth: common.beam ?? 8, limit: common.limit, threads: common.threads,
        progress: { bar.update($0) })
      let there = try LanguageModelSide.allCases.filter {
        try paths.model.languageModelPath($0) != nil
      }
      let chosen = sides.isEmpty ? there : sides.compactMap(\.side)
      if chosen.isEmpty { throw LanguageModelTuningError.noLanguageModel(directory: common.model) }
      var settings = try DecodingSettings.load(directory: common.model)
      for side in chosen {
        // The head with candidates of both comes last: it begins with the CTC head's weights.
        for decoder in common.decoder.map({ [$0] }) ?? [.ctc, .transducer, .fused] {
          try tuning.tune(side: side, decoder: decoder) { trial in
            if common.format == .json {
              try printJSON([trial])
            } else {
              try show(
                "\(trial.languageModel) \(trial.decoder)", percent(trial.wordErrorRate),
                "lm \(trial.weights.languageModel), bonus \(trial.weights.wordBonus), letter \(trial.weights.unknownLetter), internal \(trial.weights.internalLanguageModel), share \(trial.weights.transducerShare)"
              )
            }
          }
          guard let entry = tuning.entries.last else { continue }
          settings.set(entry)
          // After each, so that an interrupted run keeps what it found.
          if write {
            try OutputPath.write(
              settings.json(), to: common.model + "/" + DecodingSettings.fileName)
          }
        }
      }
      if !write { try show(String(decoding: try settings.json(), as: UTF8.self)) }
    }
  }
}
