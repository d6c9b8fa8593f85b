import ArgumentParser
import Commands
import Foundation
import ModelImport

struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Bring Whisper weights from elsewhere into a model folder.",
    discussion: """
      SOURCE is one of: a CTranslate2 folder as faster-whisper uses (model.bin), a Hugging Face folder (model.safetensors or its shards, \
      config.json), a whisper.cpp file (ggml-….bin), or a folder that was imported before. All sizes, English-only or \
      multilingual; float and quantized weights. The output appears whole or not at all.

        tandem-evaluate import faster-whisper-base --output whisper-base
        tandem-evaluate import ggml-small-q5_0.bin --output whisper-small --language de
        tandem-evaluate import faster-whisper-base --adaptation Models/name --output name
      """)

  @Argument(help: "The folder or file with the weights.")
  var source: PathArgument

  @Option(help: "The model folder to write.")
  var output: PathArgument

  @Option(
    help:
      "The language that is spoken, such as en; auto lets the decoder detect it. Multilingual weights only; en if left out."
  )
  var language: String?

  @Option(help: "A folder with what was trained on these weights, to merge in.")
  var adaptation: PathArgument?

  @Option(help: "How the model folder stores weights: f16 or f32.")
  var precision = WeightPrecision.float16

  @Option(
    help: "Encoder layers that a device gets; as many as the exits need, or all, if left out.")
  var deviceLayers: Int?

  @Option(help: "The model's name; made from its size if left out.")
  var name: String?

  @Flag(help: "Replace what is in the output's place.")
  var replace = false

  func run() throws {
    try reporting {
      var importer = ModelImporter()
      importer.language = language
      importer.adaptation = adaptation?.path
      importer.precision = precision
      importer.deviceLayers = deviceLayers
      importer.name = name
      importer.replaces = replace
      let summary = try importer.run(source: source.path, output: output.path)
      let model = summary.configuration
      let tongue =
        model.decoder.isMultilingual ? model.decoder.language ?? "any language" : "English only"
      try show(
        "\(summary.wasThere ? "already there:" : "wrote") \(output): \(model.name), \(model.encoder.layers) + \(model.decoder.layers) layers of width \(model.dimension), \(model.melBins) mel bins, \(model.decoder.tokens) tokens, \(tongue)"
      )
      try show("fingerprint \(summary.fingerprint)")
    }
  }
}

extension WeightPrecision: ExpressibleByArgument {}
