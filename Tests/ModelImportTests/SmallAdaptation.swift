import Basics
import Foundation

@testable import ModelImport

/// A small adaptation folder with one piece of every kind.
struct SmallAdaptation {
  var tensors: [(name: String, shape: [Int], values: [Float])] = []
  var integers: [(name: String, shape: [Int], values: [Float])] = []
  var manifest: [String: Any]
  let width: Int

  init(base: Folder, width: Int) throws {
    self.width = width
    let digest = SHA256.hash(
      of: try Data(contentsOf: URL(fileURLWithPath: base.path + "/model.bin")))
    manifest = [
      "format": "tandem-adaptation", "version": 1, "name": "small-adapted",
      "base": ["name": "whisper-small", "sha256": digest.hexadecimal],
      "exits": [["afterLayer": 1]],
      "decoder": ["language": "en", "suppressedTokens": [7]] as [String: Any],
    ]
    let d = width
    // Whole, for both halves; low rank, for both; whole for the edge alone; a delta for the device alone.
    tensors = [
      ("encoder.conv1.bias", [d], (0..<d).map { Float($0) / 4 }),
      ("encoder.layers.0.attention.query.weight.lowRankUp", [d, 1], (0..<d).map { Float($0 + 1) }),
      (
        "encoder.layers.0.attention.query.weight.lowRankDown", [1, d], (0..<d).map { Float($0) / 8 }
      ),
      ("edge.encoder.norm.weight", [d], [Float](repeating: 2, count: d)),
      ("device.encoder.conv2.weight.delta.scale", [d], [Float](repeating: 0.25, count: d)),
      ("decoder.embedding.weight.scale", [1_766], (0..<1_766).map { Float(1 + $0 % 2) / 8 }),
      ("exits.1.norm.weight", [d], [Float](repeating: 1, count: d)),
      ("exits.1.norm.bias", [d], [Float](repeating: 0, count: d)),
      ("exits.1.output.weight", [3, 2 * d], (0..<6 * d).map { Float($0) / 16 }),
      ("exits.1.output.bias", [3], [1, 2, 3]),
      ("edge.decoder.silenceTail", [5, d], (0..<5 * d).map { Float($0) / 2 }),
    ]
    integers = [
      (
        "device.encoder.conv2.weight.delta.int8", [d, d * 3],
        (0..<3 * d * d).map { Float($0 % 7 - 3) }
      ),
      (
        "decoder.embedding.weight.int8", [1_766, d], (0..<1_766 * d).map { Float($0 % 255 - 127) }
      ),
    ]
  }

  func write(_ folder: Folder) throws {
    let parts = [
      ("adaptation.safetensors", SmallWhisper.safetensors(tensors)),
      ("adaptation-2.safetensors", SmallWhisper.safetensors(integers, storage: .int8)),
    ]
    for (name, data) in parts { try folder.write(name, data) }
    let vocabulary = Data(#"{"kind":"characters","tokens":["<blank>","▁","A"]}"#.utf8)
    try folder.write("vocabulary.json", vocabulary)
    try folder.write("calibration.json", Data("{}".utf8))
    var manifest = manifest
    manifest["weights"] = parts.map {
      ["file": $0.0, "sha256": SHA256.hash(of: $0.1).hexadecimal]
    }
    manifest["vocabulary"] = [
      "file": "vocabulary.json", "sha256": SHA256.hash(of: vocabulary).hexadecimal,
    ]
    try folder.json("adaptation.json", manifest)
  }
}
