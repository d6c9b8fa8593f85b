import Foundation
import Testing
import Whisper

@testable import ModelImport

@Suite("Bad weights are named: the file, the place, and what to do")
struct BadInputTests {
  /// The message that importing `source` ends in.
  func message(
    _ source: String, _ change: (inout ModelImporter) -> Void = { _ in },
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    let output = try Folder()
    var importer = ModelImporter()
    change(&importer)
    let error = #expect(throws: ImportError.self, sourceLocation: sourceLocation) {
      try importer.run(source: source, output: output.path + "/model")
    }
    // Nothing is left behind, neither the folder nor the one that it is filled in.
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: output.path) == [],
      sourceLocation: sourceLocation)
    return error?.description ?? ""
  }

  func expect(
    _ text: String, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for part in parts {
      #expect(text.contains(part), "\(text)", sourceLocation: sourceLocation)
    }
  }

  @Test func nothingThere() throws {
    expect(try message("/nowhere/at/all"), "/nowhere/at/all", "no such file or folder")
    let folder = try Folder()
    expect(try message(folder.path), folder.path, "no Whisper weights", "model.bin")
    try folder.write("pytorch_model.bin", Data([0x80]))
    expect(try message(folder.path), "pickle", "safetensors")
  }

  @Test(arguments: [
    (Data(), "empty"), (Data("GGUF____".utf8), "GGUF"), (Data("PK\u{3}\u{4}".utf8), "PyTorch"),
    (Data("hello, world".utf8), "not a file of Whisper weights"),
  ])
  func foreignFiles(data: Data, says: String) throws {
    let folder = try Folder()
    try folder.write("weights.bin", data)
    expect(try message(folder.path + "/weights.bin"), "weights.bin", says)
  }

  @Test func foreignCTranslate2() throws {
    let folder = try Folder()
    var bytes = Bytes()
    bytes.u32(6)
    bytes.string("TransformerSpec")
    try folder.write("model.bin", bytes.data)
    expect(try message(folder.path), "model.bin, byte 4", "TransformerSpec, not a WhisperSpec")
    try SmallWhisper().writeCTranslate2(folder, version: 7)
    expect(try message(folder.path), "model.bin, byte 0", "version 4 to 6")
  }

  @Test func everyTruncation() throws {
    let folder = try Folder()
    var model = SmallWhisper(width: 2)
    model.sizes.encoderHeads = 2
    try model.writeCTranslate2(folder)
    try model.writeGGML(folder)
    try model.writeHuggingFace(folder)
    for (name, path) in [
      ("model.bin", folder.path + "/model.bin"),
      ("ggml-small.bin", folder.path + "/ggml-small.bin"),
      ("model.safetensors", folder.path + "/model.safetensors"),
    ] {
      let url = URL(fileURLWithPath: folder.path + "/" + name)
      let whole = try Data(contentsOf: url)
      var random = Seeded(5)
      var lengths = [0, 1, 3, 4, 7, 8, 9, 12, 47, 48, 56, whole.count - 1, whole.count - 2]
      for _ in 0..<40 { lengths.append(Int(random.next() % UInt64(whole.count))) }
      for length in lengths {
        try whole.prefix(length).write(to: url)
        expect(try message(path), name)
      }
      try whole.write(to: url)
    }
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func valuesThatAreNoNumbers(value: Float) throws {
    let folder = try Folder()
    var model = SmallWhisper()
    model.values["decoder.layers.0.feedForward.up.weight"]![70] = value
    try model.writeCTranslate2(folder, storage: .f16)
    expect(
      try message(folder.path), "model.bin",
      "tensor decoder/layer_0/ffn/linear_0/weight, value 70, byte ",
      "not a number", "fetch or export it again")
    try model.writeHuggingFace(folder)
    try FileManager.default.removeItem(atPath: folder.path + "/model.bin")
    expect(try message(folder.path), "model.safetensors", "fc1.weight, value 70")
  }

  @Test func valuesBeyondHalfPrecision() throws {
    let folder = try Folder()
    var model = SmallWhisper()
    model.values["encoder.positions"]![3] = 70_000
    try model.writeHuggingFace(folder)
    expect(try message(folder.path), "70000.0 does not fit f16", "--precision f32")
    let output = try Folder()
    var importer = ModelImporter()
    importer.precision = .float32
    _ = try importer.run(source: folder.path, output: output.path + "/model")
    try expectWeights(output.path + "/model", model)
  }

  @Test func shapesThatContradictTheConfiguration() throws {
    let folder = try Folder()
    let model = SmallWhisper()
    try model.writeHuggingFace(folder)
    for (key, value, says) in [
      ("encoder_layers", 3, "model.encoder.layers.2.self_attn_layer_norm.weight: it is missing"),
      (
        "encoder_layers", 1,
        "model.encoder.layers.1.fc1.bias: a Whisper model of these sizes has no such"
      ),
      ("encoder_ffn_dim", 64, "layers.0.fc1.weight: its shape is [128, 32]"),
      ("num_mel_bins", 128, "conv1.weight: its shape is [32, 80, 3]"),
      ("vocab_size", 1_700, "embed_tokens.weight: its shape is [1766, 32]"),
      ("d_model", -5, "-5 width"), ("encoder_layers", 1 << 40, "encoder layers"),
      ("encoder_attention_heads", 5, "5 heads do not divide"),
      ("encoder_attention_heads", 0, "0 encoder heads"),
    ] as [(String, Int, String)] {
      var config = model.huggingFaceConfig
      config[key] = value
      try folder.json("config.json", config)
      expect(try message(folder.path), says)
    }
    var config = model.huggingFaceConfig
    config["d_model"] = nil
    try folder.json("config.json", config)
    expect(try message(folder.path), "config.json, d_model", "missing")
    config["model_type"] = "wav2vec2"
    try folder.json("config.json", config)
    expect(try message(folder.path), "wav2vec2 model", "Give a Whisper model")
  }

  @Test func untiedProjection() throws {
    let folder = try Folder()
    var model = SmallWhisper()
    try model.writeHuggingFace(folder)
    var tensors = model.renamed(\.huggingFaceName).map { ("model." + $0.name, $0.shape, $0.values) }
    let embedding = tensors.first { $0.0.contains("embed_tokens") }!
    tensors.append(("proj_out.weight", embedding.1, embedding.2))
    try folder.write("model.safetensors", SmallWhisper.safetensors(tensors))
    let output = try Folder()
    _ = try ModelImporter().run(source: folder.path, output: output.path + "/model")
    model.values["decoder.embedding.weight"]![40_000] += 1
    tensors[tensors.count - 1].2[40_000] += 1
    try folder.write("model.safetensors", SmallWhisper.safetensors(tensors))
    expect(try message(folder.path), "proj_out.weight", "differs from the token embedding")
  }

  @Test func shards() throws {
    let folder = try Folder()
    try SmallWhisper().writeHuggingFace(folder, shards: true)
    let second = folder.path + "/model-00002-of-00002.safetensors"
    try FileManager.default.removeItem(atPath: second)
    expect(try message(folder.path), "model-00002-of-00002.safetensors", "cannot be read")
    try FileManager.default.copyItem(
      atPath: folder.path + "/model-00001-of-00002.safetensors", toPath: second)
    expect(try message(folder.path), "00002", "the index says that it is here")
    for name in ["../outside.safetensors", "/etc/passwd", ".", ""] {
      try folder.json("model.safetensors.index.json", ["weight_map": ["a": name]])
      expect(try message(folder.path), "index.json, weight_map", "not a plain file name")
    }
    try folder.json("model.safetensors.index.json", ["weight_map": [String: String]()])
    expect(try message(folder.path), "missing or empty")
  }

  @Test func wrongTokenizers() throws {
    let folder = try Folder()
    let model = SmallWhisper()
    try model.writeCTranslate2(folder)
    // Another model's: too many tokens, too few, none of Whisper's control tokens, and one that the list contradicts.
    try SmallWhisper(tokens: SmallWhisper.fewestTokens + 40).writeTokenizer(folder)
    expect(try message(folder.path), "tokenizer.json", "has 1806 tokens, and the decoder 1766")
    try folder.json(
      "tokenizer.json",
      ["model": ["vocab": ["a": 0, "b": 1], "merges": [String]()]] as [String: Any])
    expect(try message(folder.path), "tokenizer.json", "not the tokenizer of a Whisper model")
    try folder.json(
      "tokenizer.json",
      [
        "model": ["vocab": ["a": 0], "merges": [String]()] as [String: Any],
        "added_tokens": [
          ["id": 1, "content": "<|endoftext|>"], ["id": 2, "content": "<|startoftranscript|>"],
          ["id": 1_000, "content": "<|notimestamps|>"],
        ] as [[String: Any]],
      ] as [String: Any])
    expect(try message(folder.path), "1501 timestamps after it do not fit")
    try model.writeTokenizer(folder)
    var names = model.plain.map(ByteLevelTokenizer.spelled) + SmallWhisper.controls(1_510)
    names.swapAt(65, 66)
    try folder.json("vocabulary.json", names)
    expect(
      try message(folder.path), "tokenizer.json, token 65", "vocabulary.json has another token")
    for name in ["tokenizer.json", "vocabulary.json"] {
      try FileManager.default.removeItem(atPath: folder.path + "/" + name)
    }
    expect(try message(folder.path), "no tokenizer")
  }

  @Test func scalesOfIntegers() throws {
    let folder = try Folder()
    try SmallWhisper().writeCTranslate2(folder, storage: .int8)
    let url = URL(fileURLWithPath: folder.path + "/model.bin")
    let whole = try Data(contentsOf: url)
    let scale = whole.range(of: Data("encoder/conv1/weight_scale".utf8))!
    var lost = whole
    lost[scale.upperBound - 1] = UInt8(ascii: "x")
    try lost.write(to: url)
    expect(try message(folder.path), "tensor encoder/conv1/weight", "no scale for each row")
    // Name's zero, rank, one size, type, bytes: the first scale, made zero.
    var zero = whole
    zero.replaceSubrange(scale.upperBound + 11..<scale.upperBound + 15, with: [0, 0, 0, 0])
    try zero.write(to: url)
    expect(try message(folder.path), "conv1/weight_scale", "not a positive number")
  }

  @Test func ggmlTypesAndSizes() throws {
    let folder = try Folder()
    var model = SmallWhisper()
    try model.writeGGML(folder)
    let path = folder.path + "/ggml-small.bin"
    let url = URL(fileURLWithPath: path)
    let whole = try Data(contentsOf: url)
    func with(_ offset: Int, _ value: UInt32) throws {
      var changed = whole
      withUnsafeBytes(of: value.littleEndian) {
        changed.replaceSubrange(offset..<offset + 4, with: $0)
      }
      try changed.write(to: url)
    }
    try with(4, .max)
    expect(try message(path), "byte 4", "-1 tokens")
    try with(12, 64)
    expect(try message(path), "byte 12", "64 wide and the decoder 32")
    try with(48, 128)
    expect(try message(path), "byte 48", "mel filters")
    let vocabulary = 56 + 80 * 201 * 4
    try with(vocabulary, 1 << 30)
    expect(try message(path), "byte \(vocabulary)", "lists 1073741824 tokens")
    try with(vocabulary + 4, 1 << 30)
    expect(try message(path), "byte \(vocabulary + 4)", "at most 1024")
    let first = whole.range(of: Data("encoder.conv1.weight".utf8))!.lowerBound
    try with(first - 16, 12)
    expect(try message(path), "tensor encoder.conv1.weight", "data type 12 is not read", "q5_0")
    try with(first - 24, 9)
    expect(try message(path), "rank 9")
    try with(first - 12, .max)
    expect(try message(path), "encoder.conv1.weight", "cannot be")
  }

  @Test func language() throws {
    let folder = try Folder()
    try SmallWhisper().writeCTranslate2(folder)
    expect(
      try message(folder.path) { $0.language = "de" }, "English-only", "\"de\"",
      "Leave --language out")
    expect(try message(folder.path) { $0.deviceLayers = 3 }, "3 device layers of 2")
  }
}
