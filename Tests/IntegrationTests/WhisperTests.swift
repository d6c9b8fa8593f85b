import Decoding
import Foundation
import Models
import Offload
import SpeechModels
import Testing
import Whisper

@testable import Evaluation
@testable import TandemDevice
@testable import TandemEdge

@Suite("A model of Whisper's family on device and edge", .timeLimit(.minutes(5)))
struct WhisperTests {
  /// `exits`: CTC exits after layers 1 and 2 of 3, the decoder at the edge. `plain`: the decoder is the only exit.
  static func folder(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("WhisperTests/Golden/\(name)").path
  }

  static func device(
    _ name: String, policy: String, link: EdgeLink? = nil, splitLayer: Int? = nil, codec: Int = 0
  ) throws -> DeviceRecognizer {
    var configuration = DeviceRecognizer.Configuration()
    configuration.deadline = 60
    configuration.codec = codec
    configuration.splitLayer = splitLayer
    // The tests' sounds count to the sample.
    configuration.silenceKeptSeconds = nil
    return try DeviceRecognizer(
      model: SpeechModels.load(directory: folder(name), parts: .device), policyName: policy,
      link: link, configuration: configuration, log: LogCapture().logger)
  }

  static func server(_ name: String) throws -> EdgeServer.Configuration {
    var configuration = try TestEdge.configuration()
    configuration.modelDirectory = folder(name)
    return configuration
  }

  /// What the edge's own recognizer makes of features, without any text: the tiny models' tokens are no English.
  static func tokens(_ name: String, _ samples: [Float], splitLayer: Int) throws -> [Int] {
    let model = try SpeechModels.load(directory: folder(name), parts: .edge)
    let encoder = model.makeEncoder(firstLayer: 0, depth: model.blockCount)
    encoder.append(samples: samples)
    encoder.finish()
    return try EdgeRecognizer(model: model, beamWidth: 1).recognize(
      features: encoder.frames(at: splitLayer), splitLayer: splitLayer
    ).tokens
  }

  @Test("Split at every layer, the tokens are the same", arguments: ["plain", "exits"])
  func split(name: String) throws {
    let samples = Sound.bursts(seconds: 1.2)
    let model = try SpeechModels.load(directory: Self.folder(name), parts: .edge)
    let encoder = model.makeEncoder(firstLayer: 0, depth: model.blockCount)
    encoder.append(samples: samples)
    encoder.finish()
    let whole = try EdgeRecognizer(model: model, beamWidth: 1).recognize(encoder)
    #expect(!whole.tokens.isEmpty, "an empty transcript would prove nothing")
    for layer in 0...model.blockCount {
      #expect(try Self.tokens(name, samples, splitLayer: layer) == whole.tokens)
    }
  }

  @Test("The edge answers over the wire, from every layer", arguments: ["plain", "exits"], [0, 1])
  func wire(name: String, codec: Int) async throws {
    try await TestEdge.run(Self.server(name)) { server in
      let samples = Sound.bursts(seconds: 1.2)
      for layer in 0...2 {
        let device = try Self.device(
          name, policy: "always-edge", link: TestEdge.link(port: server.port), splitLayer: layer,
          codec: codec)
        let recognition = try await device.recognize(samples)
        #expect(recognition.origin == .edge)
        #expect(recognition.failure == nil)
        #expect(recognition.confidence > 0 && recognition.confidence <= 1)
        if codec == 0 {
          let local = try EdgeRecognizer(
            model: SpeechModels.load(directory: Self.folder(name), parts: .edge), beamWidth: 1)
          let encoder = local.model.makeEncoder(firstLayer: 0, depth: local.model.blockCount)
          encoder.append(samples: samples)
          encoder.finish()
          #expect(try recognition.text == local.recognize(encoder).text)
        }
        await device.close()
      }
    }
  }

  @Test("Without an edge the device answers: at its last exit, or by running everything")
  func local() async throws {
    let samples = Sound.bursts(seconds: 1.2)
    let exits = try await Self.device("exits", policy: "always-local").recognize(samples)
    #expect(exits.origin == .exit(2) && exits.exits.count == 2)
    #expect(exits.exits.allSatisfy { $0.frameCount > 0 })
    let plain = try await Self.device("plain", policy: "always-local").recognize(samples)
    #expect(plain.origin == .exit(1) && plain.exits.map(\.afterBlock) == [2])
    #expect(plain.exits[0].tokenCount > 0)
  }

  @Test("Spoken in pieces, nothing is computed ahead, and the transcript is the same")
  func streamed() async throws {
    let device = try Self.device("exits", policy: "confidence")
    let samples = Sound.bursts(seconds: 2)
    let whole = try await device.recognize(samples)
    let utterance = await device.begin()
    try await StreamingTests.speak(samples, to: utterance, seed: 3, upTo: 4_000)
    #expect(await utterance.machinery.pass.depth == 0)
    let streamed = try await utterance.finish()
    #expect(streamed.text == whole.text)
    #expect(streamed.exits == whole.exits)
    #expect(streamed.decisions.map(\.action) == whole.decisions.map(\.action))
  }

  @Test("More than a window holds is refused by name, not left unheard")
  func tooLong() async throws {
    let device = try Self.device("exits", policy: "always-local")
    #expect(device.configuration.maximumUtteranceSeconds == 3)
    await #expect(throws: RecognitionError.tooLong(seconds: 3.5, limit: 3)) {
      try await device.recognize(Sound.bursts(seconds: 3.5))
    }
    let offer = try EdgeOffer(
      model: SpeechModels.load(directory: Self.folder("exits"), parts: .edge))
    #expect(offer.maximumFrames == 150)
  }

  @Test("Errors are counted for both families with the same code")
  func evaluation() throws {
    let folder = NSTemporaryDirectory() + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let recordings = (1...2).map { folder + "/\($0).wav" }
    for (number, recording) in recordings.enumerated() {
      try Sound.writeWAV(Sound.bursts(seconds: Double(number + 1)), to: recording)
    }
    let path = folder + "/manifest.tsv"
    try Data(("path\ttext\n" + recordings.map { "\($0)\tONE TWO\n" }.joined()).utf8)
      .write(to: URL(fileURLWithPath: path))
    let manifest = try Manifest(path: path)
    for name in ["plain", "exits"] {
      let paths = try Paths(modelDirectory: Self.folder(name), beamWidth: nil, codec: .at(0))
      let errors = try WordErrorRateEvaluation(
        manifest: manifest, paths: paths, chunks: [37], splitLayer: paths.model.blockCount,
        threads: 1)
      #expect(errors.rows.map(\.path).contains("edge"))
      #expect(errors.chunks.allSatisfy { $0.differing == 0 })
      let split = try SplitEvaluation(manifest: manifest, paths: paths, threads: 1)
      #expect(split.rows.count == 3 && split.rows.allSatisfy { $0.differing == 0 })
    }
  }

  @Test("A model of an unknown family is named")
  func unknownFamily() throws {
    let folder = NSTemporaryDirectory() + UUID().uuidString
    try FileManager.default.copyItem(atPath: Self.folder("plain"), toPath: folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/model.json"
    let text = try String(contentsOfFile: path, encoding: .utf8)
      .replacingOccurrences(of: "\"whisper\"", with: "\"moonshine\"")
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    do {
      _ = try SpeechModels.load(directory: folder, parts: .device)
      Issue.record("it was loaded")
    } catch {
      #expect("\(error)".contains("moonshine") && "\(error)".contains("whisper"))
    }
  }
}
