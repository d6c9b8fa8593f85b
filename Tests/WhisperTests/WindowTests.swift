import Foundation
import Models
import Testing

@testable import Whisper

@Suite("Whisper's windows and folders")
struct WindowTests {
  let golden: Golden
  init() throws { golden = try Golden(Golden.tiny[1]) }

  @Test func windowsAreAsLongAsTheSpeechWithSomeSilence() {
    let configuration = golden.model.configuration
    let options = WhisperOptions()
    // 3 s is this model's longest.
    #expect(options.windowSamples(1, configuration) == 40_000)
    #expect(options.windowSamples(32_000, configuration) == 40_000)
    #expect(options.windowSamples(32_001, configuration) == 48_000)
    #expect(options.windowSamples(1_000_000, configuration) == 48_000)
    #expect(WhisperOptions(padsWindows: true).windowSamples(1, configuration) == 48_000)
    var odd = options
    odd.stepSeconds = 0.03
    #expect(odd.windowSamples(32_100, configuration) % 320 == 0)
    odd.stepSeconds = 0
    #expect(odd.windowSamples(32_100, configuration) >= 40_100)
  }

  @Test(arguments: [1, 160, 999, 7_000])
  func cuttingChangesNothing(piece: Int) throws {
    let samples = Array(try golden.values("samples").prefix(20_789))
    func encode(_ piece: Int) -> any SpeechEncoder {
      let encoder = golden.model.makeEncoder(firstLayer: 0, depth: 1)
      for start in stride(from: 0, to: samples.count, by: piece) {
        encoder.append(samples: samples[start..<min(start + piece, samples.count)])
        #expect(encoder.frameCount(at: 0) == 0 && !encoder.step())
      }
      encoder.finish(to: 0)
      encoder.deepen(to: 2)
      while encoder.step() {}
      return encoder
    }
    let whole = encode(samples.count)
    let cut = encode(piece)
    #expect(whole.frameCount(at: 2) == 125)
    for layer in 0...2 { #expect(cut.frames(at: layer) == whole.frames(at: layer)) }
  }

  @Test func moreThanAWindowIsNotHeard() throws {
    let encoder = try #require(
      golden.model.makeEncoder(firstLayer: 0, depth: 0) as? WhisperEncoder)
    encoder.append(samples: [Float](repeating: 0.1, count: 48_000))
    #expect(!encoder.isFull)
    encoder.append(samples: [Float](repeating: 0.1, count: 100_000))
    #expect(encoder.isFull)
    encoder.finish()
    #expect(encoder.frameCount(at: 0) == 150)
    // Nor are more features of a peer than a window has.
    let edge = try golden.model.makeEdgeEncoder(firstLayer: 1)
    edge.append(features: [Float](repeating: 0.1, count: 200 * golden.model.dimension))
    edge.finish()
    edge.advance(to: 3)
    #expect(edge.frameCount(at: 3) == 150)
    let silent = golden.model.makeEncoder(firstLayer: 0, depth: 2)
    silent.finish()
    #expect(silent.frameCount(at: 2) == 0)
  }

  @Test func aDeviceWithExitsNeedsNoDecoder() throws {
    let device = try WhisperModel.load(directory: Golden.tiny[1], parts: .device)
    #expect(device.edge == nil && device.exitDepths == [1, 2] && device.blockCount == 2)
    #expect(throws: ModelError.deviceOnly(path: Golden.tiny[1])) { try device.transcribe([]) }
    let plain = try WhisperModel.load(directory: Golden.tiny[0], parts: .device)
    #expect(plain.edge != nil && plain.exitDepths == [2] && plain.exitVocabulary == nil)
    let encoder = plain.makeEncoder(firstLayer: 0, depth: 0)
    encoder.append(samples: try Golden(Golden.tiny[0]).values("samples"))
    encoder.finish()
    encoder.advance(to: 2)
    guard case .transcript(let said) = encoder.output(ofExit: 0) else {
      Issue.record("the exit is the decoder")
      return
    }
    #expect(!said.tokens.isEmpty)
  }

  /// A copy of a golden folder that a test may damage.
  func copy(_ name: String = Golden.tiny[1]) throws -> String {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("tandem-whisper-\(UUID().uuidString)").path
    try FileManager.default.copyItem(atPath: name, toPath: folder)
    return folder
  }

  func message(_ folder: String) -> String {
    do {
      _ = try WhisperModel.load(directory: folder, parts: .edge)
      return ""
    } catch {
      return "\(error)"
    }
  }

  @Test func damagedFoldersAreNamed() throws {
    let folder = try copy()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let url = URL(fileURLWithPath: folder)
    #expect(message(folder).isEmpty)
    let weights = url.appendingPathComponent("edge.safetensors")
    let whole = try Data(contentsOf: weights)
    try whole.prefix(whole.count - 9).write(to: weights)
    #expect(message(folder).contains("edge.safetensors is truncated or changed"))
    try whole.write(to: weights)
    let tokenizer = url.appendingPathComponent("tokenizer.json")
    let vocabulary = try Data(contentsOf: tokenizer)
    try Data("{}".utf8).write(to: tokenizer)
    #expect(message(folder).contains("tokenizer.json is truncated or changed"))
    try vocabulary.write(to: tokenizer)
    let json = url.appendingPathComponent("model.json")
    let text = try String(contentsOf: json, encoding: .utf8)
    for (from, to, said) in [
      ("\"melBins\": 128", "\"melBins\": 80", "encoder.conv1.weight has shape"),
      ("\"language\": \"de\"", "\"language\": \"xx\"", "no language \"xx\""),
      ("\"tokens\": 265", "\"tokens\": 100", "within the 100 tokens"),
      ("\"heads\": 3", "\"heads\": 5", "divide the dimension"),
      ("\"family\": \"whisper\"", "\"family\": \"other\"", "family is \"other\""),
    ] {
      let changed = text.replacingOccurrences(of: from, with: to)
      #expect(changed != text)
      try changed.write(to: json, atomically: true, encoding: .utf8)
      #expect(message(folder).contains(said), "\(to): \(message(folder))")
    }
  }
}
