import Basics
import Foundation
import Tensors
import Testing
import Whisper

@testable import ModelImport

@Suite("What was trained is merged onto the weights that it was trained on")
struct AdaptationTests {
  let base: Folder
  let folder: Folder
  let output: Folder
  let model = SmallWhisper()

  init() throws {
    (base, folder, output) = (try Folder(), try Folder(), try Folder())
    try model.writeCTranslate2(base)
  }

  func run(source: String? = nil) throws -> ModelImporter.Summary {
    var importer = ModelImporter()
    importer.adaptation = folder.path
    importer.precision = .float32
    return try importer.run(source: source ?? base.path, output: output.path + "/model")
  }

  func message(_ adaptation: SmallAdaptation) throws -> String {
    try adaptation.write(folder)
    let error = #expect(throws: ImportError.self) { try run() }
    #expect(try FileManager.default.contentsOfDirectory(atPath: output.path) == [])
    return error?.description ?? ""
  }

  @Test func everyKindOfPiece() throws {
    try SmallAdaptation(base: base, width: 32).write(folder)
    let summary = try run()
    let path = output.path + "/model"
    let device = try SafetensorsFile(path: path + "/device.safetensors")
    let edge = try SafetensorsFile(path: path + "/edge.safetensors")
    let d = 32
    for half in [device, edge] {
      #expect(try half.tensor("encoder.conv1.bias").array == (0..<d).map { Float($0) / 4 })
      let query = model.values["encoder.layers.0.attention.query.weight"]!
      let expected = query.enumerated().map { i, value in
        value + Float(i / d + 1) * Float(i % d) / 8
      }
      #expect(try half.tensor("encoder.layers.0.attention.query.weight").array == expected)
      // What nothing was said of is the base's.
      #expect(
        try half.tensor("encoder.layers.0.feedForward.up.weight").array
          == model.values["encoder.layers.0.feedForward.up.weight"]!)
    }
    let convolution = model.values["encoder.conv2.weight"]!
    #expect(try edge.tensor("encoder.conv2.weight", shape: [d, d, 3]).array == convolution)
    #expect(
      try device.tensor("encoder.conv2.weight", shape: [d, d, 3]).array
        == convolution.enumerated().map { $1 + Float($0 % 7 - 3) * 0.25 })
    #expect(try edge.tensor("encoder.norm.weight").array == [Float](repeating: 2, count: d))
    #expect(
      try edge.tensor("decoder.embedding.weight", shape: [1_766, d]).array
        == (0..<1_766 * d).map { Float($0 % 255 - 127) * Float(1 + $0 / d % 2) / 8 })
    #expect(try edge.tensor("decoder.silenceTail", shape: [5, d]).array[3] == 1.5)
    #expect(try device.tensor("exits.1.output.weight", shape: [3, 2 * d]).array[16] == 1)
    // The device has one layer, as deep as its exit; the edge has all.
    #expect(device.shape(of: "encoder.layers.1.attention.key.weight") == nil)
    #expect(edge.shape(of: "encoder.layers.1.attention.key.weight") == [d, d])
    #expect(edge.shape(of: "exits.1.norm.weight") == nil)
    let configuration = summary.configuration
    #expect(configuration.name == "small-adapted")
    #expect(configuration.encoder.deviceLayers == 1)
    #expect(configuration.encoder.exits == [.init(afterLayer: 1)])
    #expect(configuration.decoder.suppressedTokens == [7])
    #expect(configuration.decoder.suppressedFirstTokens == [32, 256])
    #expect(configuration.decoder.silenceTailFrames == 5)
    #expect(configuration.source?.adaptation?.file == "adaptation.json")
    for name in ["vocabulary.json", "calibration.json"] {
      #expect(
        FileManager.default.contentsEqual(
          atPath: path + "/" + name, andPath: folder.path + "/" + name))
    }
  }

  @Test func packedDeltas() throws {
    var adaptation = try SmallAdaptation(base: base, width: 32)
    adaptation.integers = []
    adaptation.tensors.removeAll { $0.name.contains("embedding") || $0.name.contains("delta") }
    try adaptation.write(folder)
    // U8 by hand: two values a byte, low nibble first, each less 8.
    let header =
      #"{"encoder.layers.0.attention.key.weight.delta.int4":{"dtype":"U8","shape":[32,16],"data_offsets":[0,512]},"encoder.layers.0.attention.key.weight.delta.scale":{"dtype":"F32","shape":[32],"data_offsets":[512,640]},"edge.decoder.layers.0.crossAttention.value.lowRankUp.int4":{"dtype":"U8","shape":[32,2],"data_offsets":[640,704]},"edge.decoder.layers.0.crossAttention.value.lowRankUp.scale":{"dtype":"F32","shape":[32],"data_offsets":[704,832]},"edge.decoder.layers.0.crossAttention.value.lowRankDown.int4":{"dtype":"U8","shape":[3,16],"data_offsets":[832,880]},"edge.decoder.layers.0.crossAttention.value.lowRankDown.scale":{"dtype":"F32","shape":[3],"data_offsets":[880,892]}}"#
    var bytes = Bytes()
    bytes.append(UInt64(header.utf8.count))
    bytes.data.append(contentsOf: header.utf8)
    for i in 0..<512 { bytes.u8(i & 255) }
    bytes.floats((0..<32).map { Float($0) / 4 })
    // Rank 3: the last nibble of each row of the first factor is padding.
    for i in 0..<64 { bytes.u8((i * 37) & 255) }
    bytes.floats((0..<32).map { Float(1 + $0 % 3) / 8 })
    for i in 0..<48 { bytes.u8((i * 11) & 255) }
    bytes.floats([0.5, 1, 2])
    try folder.write("packed.safetensors", bytes.data)
    let url = URL(fileURLWithPath: folder.path + "/adaptation.json")
    var manifest = try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as! [String: Any]
    manifest["weights"] =
      (manifest["weights"] as! [[String: Any]]) + [
        ["file": "packed.safetensors", "sha256": SHA256.hash(of: bytes.data).hexadecimal]
      ]
    try folder.json("adaptation.json", manifest)
    _ = try run()
    let key = model.values["encoder.layers.0.attention.key.weight"]!
    let expected = key.enumerated().map { i, value in
      let (row, column) = (i / 32, i % 32)
      let byte = (row * 16 + column / 2) & 255
      return value + Float((column % 2 == 0 ? byte & 15 : byte >> 4) - 8) * Float(row) / 4
    }
    let edge = try SafetensorsFile(path: output.path + "/model/edge.safetensors")
    #expect(try edge.tensor("encoder.layers.0.attention.key.weight").array == expected)
    func nibble(_ byte: Int, _ column: Int) -> Float {
      Float((column % 2 == 0 ? byte & 15 : byte >> 4) - 8)
    }
    let value = model.values["decoder.layers.0.crossAttention.value.weight"]!
    let adapted = value.enumerated().map { i, old in
      let (row, column) = (i / 32, i % 32)
      return old
        + (0..<3).reduce(Float(0)) { sum, k in
          let up = nibble(((row * 2 + k / 2) * 37) & 255, k) * Float(1 + row % 3) / 8
          let down = nibble(((k * 16 + column / 2) * 11) & 255, column) * [0.5, 1, 2][k]
          return sum + up * down
        }
    }
    #expect(try edge.tensor("decoder.layers.0.crossAttention.value.weight").array == adapted)
  }

  @Test func ontoAFolderThatWasImportedBefore() throws {
    try SmallAdaptation(base: base, width: 32).write(folder)
    let plain = output.path + "/plain"
    _ = try ModelImporter().run(source: base.path, output: plain)
    let first = try run()
    let model = output.path + "/model"
    let digest = SHA256.hash(
      of: try Data(contentsOf: URL(fileURLWithPath: model + "/edge.safetensors")))
    try FileManager.default.removeItem(atPath: model)
    _ = try run(source: plain)
    let again = SHA256.hash(
      of: try Data(contentsOf: URL(fileURLWithPath: model + "/edge.safetensors")))
    #expect(digest == again)
    #expect(first.configuration.source?.sha256.count == 64)
    // But not onto what is adapted already.
    let error = #expect(throws: ImportError.self) { try run(source: model) }
    #expect(error?.description.contains("not the plain import") == true)
  }

  @Test func anotherBase() throws {
    try SmallAdaptation(base: base, width: 32).write(folder)
    let other = try Folder()
    try SmallWhisper(seed: 99).writeCTranslate2(other)
    let error = #expect(throws: ImportError.self) { try run(source: other.path) }
    let text = error?.description ?? ""
    #expect(text.contains("adaptation.json, base.sha256") && text.contains("whisper-small"))
    #expect(text.contains("Give the public weights that it was trained on"))
  }

  @Test func piecesThatFitNothing() throws {
    var adaptation = try SmallAdaptation(base: base, width: 32)
    adaptation.tensors.append(
      ("encoder.layers.7.attention.key.weight", [32, 32], [Float](repeating: 0, count: 1_024)))
    #expect(
      try message(adaptation).contains(
        "encoder.layers.7.attention.key.weight: the base has no tensor"))
    adaptation = try SmallAdaptation(base: base, width: 32)
    adaptation.tensors.removeAll { $0.name.hasSuffix("lowRankDown") }
    #expect(
      try message(adaptation).contains("lowRankUp: the base has no tensor that it belongs to"))
    adaptation = try SmallAdaptation(base: base, width: 32)
    adaptation.tensors[0].shape = [16, 2]
    #expect(try message(adaptation).contains("encoder.conv1.bias: its shape is [16, 2]"))
    adaptation = try SmallAdaptation(base: base, width: 32)
    adaptation.tensors.removeAll { $0.name == "exits.1.output.bias" }
    #expect(try message(adaptation).contains("exits.1.output.bias: no part of the weights has it"))
    adaptation = try SmallAdaptation(base: base, width: 32)
    adaptation.tensors.removeAll { $0.name.hasSuffix("delta.scale") }
    #expect(try message(adaptation).contains("delta.scale: no part of the weights has it"))
    adaptation = try SmallAdaptation(base: base, width: 32)
    adaptation.tensors[2].values[4] = .nan
    #expect(try message(adaptation).contains("with the adaptation added"))
    adaptation = try SmallAdaptation(base: base, width: 32)
    adaptation.manifest["exits"] = [["afterLayer": 2], ["afterLayer": 1]]
    #expect(try message(adaptation).contains("exits"))
    adaptation = try SmallAdaptation(base: base, width: 32)
    adaptation.manifest["version"] = 2
    #expect(try message(adaptation).contains("version 2 is not read"))
  }

  @Test func changedFiles() throws {
    try SmallAdaptation(base: base, width: 32).write(folder)
    for name in ["adaptation-2.safetensors", "vocabulary.json"] {
      let url = URL(fileURLWithPath: folder.path + "/" + name)
      let whole = try Data(contentsOf: url)
      var changed = whole
      changed[changed.count - 3] ^= 1
      try changed.write(to: url)
      let error = #expect(throws: ImportError.self) { try run() }
      #expect(error?.description.contains(name + ": its SHA-256 is ") == true)
      try whole.write(to: url)
    }
  }
}
