import ArgumentParser
import Audio
import Commands
import FeatureCodec
import Foundation
import Inference
import Settings
import SpeechModels
import TandemDevice
import TandemEdge

struct RecordPackets: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record-packets",
    abstract: "Write one utterance as the packets that would go to the edge.",
    discussion: """
      For other gRPC clients to replay (Protocol/SPEC.md, "Recorded utterances"): writes the packets, and
      beside them a .json with the transcript that an edge with this model must answer, which this command
      computes itself. Needs the whole model, with the edge's part. Nothing is sent.
      """,
    // A tool for those who test other clients, not for those who recognise speech.
    shouldDisplay: false)

  @Argument(help: "An audio file with one utterance.")
  var file: PathArgument

  @Option(help: "Block after which to split; 0 is before the first.")
  var splitLayer = 0

  @Option(help: "How features are written: \(FeatureCodec.names.joined(separator: " or ")).")
  var codec = "int8"

  @Option(help: "Hypotheses that the edge's search keeps: its inference.beamSize.")
  var beamSize = 8

  @Option(help: "Where to write the packets, such as NAME.packets; NAME.json is written beside it.")
  var output: PathArgument

  func validate() throws {
    if !(1...64).contains(beamSize) { throw ValidationError("--beam-size must be 1 to 64") }
  }

  @OptionGroup var options: DeviceOptions

  func run() async throws {
    try await program.reporting {
      let settings = try options.load()
      try OutputPath.check(file: output.path)
      let codec = try FeatureCodec.named(codec)
      let edge = try EdgeRecognizer(
        model: SpeechModels.load(directory: settings.model, parts: .edge), beamWidth: beamSize)
      let model = edge.model
      guard (0...model.blockCount).contains(splitLayer) else {
        throw ValidationError(
          "--split-layer is \(splitLayer); the model \(settings.model) has 0 to \(model.blockCount)"
        )
      }
      let limit = settings.maximumUtteranceSeconds
      let samples = try AudioReader.readAll(path: file.path, maximumSeconds: limit)
      let pool = InferencePool(threads: 1)
      defer { pool.shutDown() }
      let (request, transcript) = try await pool.run { [splitLayer] _ in
        let encoder = model.makeEncoder(firstLayer: 0, depth: splitLayer)
        encoder.append(samples: samples)
        encoder.finish()
        let request = OffloadRequest(
          model: model, splitLayer: splitLayer, codec: codec,
          features: encoder.frames(at: splitLayer), packetDuration: settings.packetDuration,
          deadline: 30)
        let received = try FeatureDecoder(codec: codec).decode(
          FeatureEncoder(codec: codec, dimension: model.dimension).encode(frames: request.features),
          frames: request.features.count / model.dimension, dimension: model.dimension)
        return (request, try edge.recognize(features: received, splitLayer: splitLayer).text)
      }
      try RecordedUtterance(request, transcript: transcript).write(packetsPath: output.path)
      try Output.print("wrote \(output): \(transcript)")
    }
  }
}
