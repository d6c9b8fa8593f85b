import Foundation
import Models
import Tensors
import Testing

@testable import Whisper

/// What openai-whisper's own modules computed; `python -m tandem_training golden-whisper` writes it.
///
/// Beside the tiny models in `Golden`, folders of whole models are compared where `TANDEM_WHISPER_GOLDEN` names any, separated by
/// colons: weights that are not ours to commit.
struct Golden {
  let model: WhisperModel
  let tensors: SafetensorsFile
  let greedy: Greedy

  struct Greedy: Decodable {
    /// nil: the golden values lie in the model's own folder.
    var model: String?
    var tokens: [Int]
    var ended: Bool
    var logProbability: Double
    var noSpeech: Double
    var prompt: [Int]
  }

  static let own = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Golden").path
  static let tiny = ["plain", "exits"].map { own + "/" + $0 }
  static let folders =
    tiny
    + (ProcessInfo.processInfo.environment["TANDEM_WHISPER_GOLDEN"] ?? "").split(separator: ":")
    .map(String.init)

  init(_ folder: String) throws {
    greedy = try JSONDecoder().decode(
      Greedy.self, from: Data(contentsOf: URL(fileURLWithPath: folder + "/greedy.json")))
    model = try WhisperModel.load(directory: greedy.model ?? folder, parts: .edge)
    tensors = try SafetensorsFile(path: folder + "/golden.safetensors")
  }

  func values(_ name: String) throws -> [Float] { try tensors.tensor(name).array }

  /// The device's encoder over the whole golden window, all layers.
  func encoder() throws -> WhisperEncoder {
    let samples = try values("samples")
    let encoder = WhisperEncoder(
      model: model, side: .device, firstLayer: 0, depth: model.blockCount)
    encoder.append(window: samples)
    encoder.finish()
    return encoder
  }
}

@Suite("Whisper's golden tensors")
struct GoldenTests {
  /// The largest difference relative to the tensor's own size (root mean square).
  func compare(_ found: [Float], _ expected: [Float], _ what: String, bound: Float = 1e-3) {
    #expect(found.count == expected.count, "\(what): \(found.count) values for \(expected.count)")
    var difference = 0.0
    var size = 0.0
    var largest: Float = 0
    for (a, b) in zip(found, expected) {
      difference += Double(a - b) * Double(a - b)
      size += Double(b) * Double(b)
      largest = max(largest, abs(a - b))
    }
    let relative = (difference / max(size, 1e-30)).squareRoot()
    print("golden \(what): relative error \(relative), largest difference \(largest)")
    #expect(relative <= Double(bound), "\(what) differs by \(relative)")
  }

  @Test("Every layer of the encoder, every exit", arguments: Golden.folders)
  func encoder(folder: String) throws {
    let golden = try Golden(folder)
    let model = golden.model
    let name = model.name
    compare(
      model.spectrogram.frames(try golden.values("samples")), try golden.values("logMel"),
      "\(name) logMel")
    let encoder = try golden.encoder()
    for layer in 0...model.blockCount {
      compare(
        encoder.frames(at: layer), try golden.values("layers.\(layer)"), "\(name) layer \(layer)")
    }
    for (index, depth) in model.configuration.encoder.exits.map(\.afterLayer).enumerated() {
      guard case .posteriors(let found) = encoder.output(ofExit: index) else {
        Issue.record("exit \(index) is a CTC head")
        continue
      }
      compare(found, try golden.values("exits.\(depth).logProbabilities"), "\(name) exit \(depth)")
    }
  }

  @Test("The edge goes on from any layer, bit by bit", arguments: Golden.folders)
  func split(folder: String) throws {
    let golden = try Golden(folder)
    let model = golden.model
    let device = try golden.encoder()
    let last = model.configuration.encoder.layers
    let whole = try golden.values("layers.\(last)")
    var first: [Float]?
    for layer in 0...model.blockCount {
      let edge = try model.makeEdgeEncoder(firstLayer: layer)
      // Packets of an odd size, as they may come.
      let features = device.frames(at: layer)
      for start in stride(from: 0, to: features.count, by: 7 * model.dimension) {
        edge.append(features: features[start..<min(start + 7 * model.dimension, features.count)])
      }
      edge.finish()
      edge.advance(to: last)
      let found = edge.frames(at: last)
      compare(found, whole, "\(model.name) split at \(layer)")
      #expect(found == first ?? found, "split at \(layer) changes the features")
      first = found
    }
  }

  @Test("The decoder's scores and the greedy transcript", arguments: Golden.folders)
  func decoder(folder: String) throws {
    let golden = try Golden(folder)
    let model = golden.model
    let edge = try model.edgePart()
    let frames = try golden.values("layers.\(model.configuration.encoder.layers)")
    let count = frames.count / model.dimension
    var memory = frames
    memory.withUnsafeMutableBufferPointer {
      edge.norm.apply($0.baseAddress!, rows: count, into: $0.baseAddress!)
    }
    compare(memory, try golden.values("memory"), "\(model.name) memory")
    let state = DecoderState(
      edge.decoder, memory: memory, addsTail: count < model.configuration.encoder.positions,
      width: 1, capacity: golden.greedy.prompt.count)
    let output = state.run(tokens: golden.greedy.prompt, slot: 0)
    var scores = [Float](
      repeating: 0, count: golden.greedy.prompt.count * edge.decoder.tokenCount)
    scores.withUnsafeMutableBufferPointer {
      state.scores(output, rows: golden.greedy.prompt.count, into: $0.baseAddress!)
    }
    compare(scores, try golden.values("decoder.logits"), "\(model.name) scores")

    var options = DecoderSearch.Options()
    options.loopGuard = nil
    let found = try model.transcribe(frames, search: options)
    #expect(found.tokens == golden.greedy.tokens)
    #expect(abs(found.logProbability - golden.greedy.logProbability) < 1e-2)
    let noSpeech = try #require(found.noSpeechProbability)
    #expect(abs(noSpeech - golden.greedy.noSpeech) < 1e-3)

    // What one token at a time says is what all at once say: caches change nothing.
    let all = golden.greedy.prompt + golden.greedy.tokens
    let whole = DecoderState(
      edge.decoder, memory: memory, addsTail: count < model.configuration.encoder.positions,
      width: 1, capacity: all.count)
    let together = Array(
      UnsafeBufferPointer(
        start: whole.run(tokens: all, slot: 0), count: all.count * model.dimension))
    let stepped = DecoderState(
      edge.decoder, memory: memory, addsTail: count < model.configuration.encoder.positions,
      width: 2, capacity: all.count)
    _ = stepped.run(tokens: Array(all.prefix(2)), slot: 0)
    stepped.reorder([0, 0])
    var apart: [Float] = []
    for token in all.dropFirst(2) {
      // The second hypothesis says something else, and must not disturb the first.
      let x = stepped.step([token, all[0]])
      apart += UnsafeBufferPointer(start: x, count: model.dimension)
    }
    compare(
      apart, Array(together.dropFirst(2 * model.dimension)), "\(model.name) token by token",
      bound: 1e-4)
  }
}
