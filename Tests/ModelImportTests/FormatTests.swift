import Basics
import Conformer
import Foundation
import Tensors
import Testing
import Whisper

@testable import ModelImport

/// What an import wrote must be, value for value, what the source held.
func expectWeights(
  _ folder: String, _ model: SmallWhisper, deviceLayers: Int? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let configuration = try JSONDecoder().decode(
    WhisperConfiguration.self, from: Data(contentsOf: URL(fileURLWithPath: folder + "/model.json")))
  #expect(configuration.problem == nil, sourceLocation: sourceLocation)
  let layers = deviceLayers ?? model.sizes.encoderLayers
  for (file, tensors) in [
    (configuration.weights.device, WhisperTensor.device(model.sizes, layers: layers)),
    (configuration.weights.edge!, WhisperTensor.edge(model.sizes)),
  ] {
    let path = folder + "/" + file.file
    let digest = SHA256.hash(of: try Data(contentsOf: URL(fileURLWithPath: path))).hexadecimal
    #expect(digest == file.sha256, sourceLocation: sourceLocation)
    let written = try SafetensorsFile(path: path)
    #expect(
      written.tensorNames == tensors.map(\.name).sorted(), sourceLocation: sourceLocation)
    for tensor in tensors {
      // Not the arrays themselves: a failure would print them.
      let isSame =
        try written.tensor(tensor.name, shape: tensor.shape).array == model.values[tensor.name]!
      #expect(isSame, "\(tensor.name)", sourceLocation: sourceLocation)
    }
  }
  let tokenizer = try ByteLevelTokenizer(path: folder + "/tokenizer.json")
  #expect(tokenizer.count == model.sizes.tokens, sourceLocation: sourceLocation)
  #expect(
    Array(tokenizer.tokens.prefix(model.plain.count)) == model.plain,
    sourceLocation: sourceLocation)
  #expect(
    tokenizer.controlNames.sorted { $0.key < $1.key }.map(\.value)
      == SmallWhisper.controls(model.sizes.tokens - model.plain.count),
    sourceLocation: sourceLocation)
}

@Suite("Every format gives the weights that it holds")
struct FormatTests {
  @Test(arguments: SmallWhisper.Storage.allCases)
  func cTranslate2(storage: SmallWhisper.Storage) throws {
    let (source, output) = (try Folder(), try Folder())
    let model = SmallWhisper()
    try model.writeCTranslate2(source, storage: storage, tokenizer: storage != .int8)
    let summary = try ModelImporter().run(source: source.path, output: output.path + "/model")
    try expectWeights(output.path + "/model", model)
    #expect(summary.configuration.source?.format == "ctranslate2")
    #expect(summary.configuration.decoder.suppressedTokens == [1, 2, 3])
    #expect(summary.configuration.decoder.suppressedFirstTokens == [32, 256])
    #expect(summary.configuration.decoder.alignmentHeads == [[0, 1]])
    #expect(summary.configuration.encoder.heads == 2)
    // The file itself may be named as well.
    let again = try ModelImporter().run(
      source: source.path + "/model.bin", output: output.path + "/model")
    #expect(again.wasThere && again.fingerprint == summary.fingerprint)
  }

  @Test(arguments: [4, 5, 6]) func cTranslate2Versions(version: Int) throws {
    let (source, output) = (try Folder(), try Folder())
    try SmallWhisper().writeCTranslate2(source, version: version)
    _ = try ModelImporter().run(source: source.path, output: output.path + "/model")
  }

  @Test(arguments: [SmallWhisper.Storage.f32, .f16, .bf16], [false, true])
  func huggingFace(storage: SmallWhisper.Storage, shards: Bool) throws {
    let (source, output) = (try Folder(), try Folder())
    let model = SmallWhisper(seed: 2)
    try model.writeHuggingFace(
      source, storage: storage, shards: shards, prefix: storage == .f16 ? "" : "model.")
    let summary = try ModelImporter().run(source: source.path, output: output.path + "/model")
    try expectWeights(output.path + "/model", model)
    #expect(summary.configuration.decoder.suppressedTokens == [1, 2, 3])
    #expect(!summary.configuration.decoder.isMultilingual)
  }

  @Test(arguments: [0, 1, 2, 3, 6, 7, 8]) func ggml(type: Int) throws {
    let (source, output) = (try Folder(), try Folder())
    var model = SmallWhisper(seed: 3)
    try model.writeGGML(source, type: type)
    var importer = ModelImporter()
    importer.precision = .float32
    let summary = try importer.run(
      source: source.path + "/ggml-small.bin", output: output.path + "/model")
    try expectWeights(output.path + "/model", model)
    // Not in the file: the alignment heads default to the decoder's upper half.
    #expect(summary.configuration.decoder.alignmentHeads == [[0, 0], [0, 1]])
    #expect(summary.configuration.decoder.suppressedFirstTokens == [32, 256])
  }

  /// Layers, mel bins and tokens of every published size; narrow.
  @Test(arguments: [
    ("tiny.en", 4, 4, 80, 51_864), ("tiny", 4, 4, 80, 51_865), ("base.en", 6, 6, 80, 51_864),
    ("base", 6, 6, 80, 51_865), ("small", 12, 12, 80, 51_865), ("medium.en", 24, 24, 80, 51_864),
    ("large-v2", 32, 32, 80, 51_865), ("large-v3", 32, 32, 128, 51_866),
    ("large-v3-turbo", 32, 4, 128, 51_866),
  ])
  func everySize(name: String, encoder: Int, decoder: Int, melBins: Int, tokens: Int) throws {
    var model = SmallWhisper(
      encoderLayers: encoder, decoderLayers: decoder, width: 2, melBins: melBins, tokens: tokens,
      languages: tokens == 51_866 ? 100 : 99, seed: 4)
    let (source, output) = (try Folder(), try Folder())
    if encoder % 4 == 0 {
      try model.writeGGML(source)
    } else {
      try model.writeCTranslate2(source, tokenizer: false)
    }
    var importer = ModelImporter()
    importer.deviceLayers = 3
    let summary = try importer.run(source: source.path, output: output.path + "/model")
    try expectWeights(output.path + "/model", model, deviceLayers: 3)
    #expect(summary.configuration.decoder.isMultilingual == (tokens > 51_864), "\(name)")
    #expect(summary.configuration.decoder.language == "en")
    let tokenizer = try ByteLevelTokenizer(path: output.path + "/model/tokenizer.json")
    let control = try WhisperTokens(tokenizer, path: name)
    #expect(control.endOfText == (tokens == 51_864 ? 50_256 : 50_257))
    #expect(control.firstTimestamp == tokens - 1_501)
    #expect((control.languages["yue"] != nil) == (tokens == 51_866))
  }

  @Test func languages() throws {
    let (source, output) = (try Folder(), try Folder())
    let model = SmallWhisper(width: 2, tokens: 51_865, languages: 99)
    try model.writeCTranslate2(source, tokenizer: false)
    var importer = ModelImporter()
    importer.language = "de"
    let german = try importer.run(source: source.path, output: output.path + "/de")
    #expect(german.configuration.decoder.language == "de")
    importer.language = "auto"
    let any = try importer.run(source: source.path, output: output.path + "/auto")
    #expect(any.configuration.decoder.language == nil)
    #expect(any.fingerprint != german.fingerprint)
    importer.language = "tlh"
    let error = #expect(throws: ImportError.self) {
      try importer.run(source: source.path, output: output.path + "/tlh")
    }
    #expect(error?.description.contains("\"tlh\"") == true)
  }

  @Test func theTokenizersFilesOfOlderRepositories() throws {
    let (source, output) = (try Folder(), try Folder())
    let model = SmallWhisper()
    try model.writeHuggingFace(source)
    try FileManager.default.removeItem(atPath: source.path + "/tokenizer.json")
    var vocabulary: [String: Int] = ["<|endoftext|>": 256]
    for (id, bytes) in model.plain.enumerated() {
      vocabulary[ByteLevelTokenizer.spelled(bytes)] = id
    }
    try source.json("vocab.json", vocabulary)
    try source.write("merges.txt", Data("#version: 0.2\n".utf8))
    var added: [String: Int] = [:]
    for (i, name) in SmallWhisper.controls(1_510).enumerated().dropFirst() { added[name] = 256 + i }
    try source.json("added_tokens.json", added)
    _ = try ModelImporter().run(source: source.path, output: output.path + "/model")
    try expectWeights(output.path + "/model", model)
  }

  @Test func timestampsThatATokenizerLeavesOutAreAdded() throws {
    let (source, output) = (try Folder(), try Folder())
    let model = SmallWhisper()
    try model.writeCTranslate2(source)
    try model.writeTokenizer(source, timestamps: false)
    _ = try ModelImporter().run(source: source.path, output: output.path + "/model")
    try expectWeights(output.path + "/model", model)
  }

  @Test func symbolsThatAreNotSpeechAreSuppressed() throws {
    let (source, output) = (try Folder(), try Folder())
    var model = SmallWhisper()
    try model.writeGGML(source)
    let summary = try ModelImporter().run(source: source.path, output: output.path + "/model")
    // Every token is a byte here: the symbols that are one, the first bytes of " -" and of a note, and
    // the control tokens for start, tasks, context and no speech.
    let expected =
      Array("\"#()*+/:;<=>@[\\]^_`{|}~ ".utf8).map(Int.init) + [0xE2, 257, 259, 260, 261, 262, 263]
    #expect(summary.configuration.decoder.suppressedTokens == expected.sorted())
  }

  @Test func mergesAreFoundFromTheTokensAlone() {
    let words = ["h", "e", "l", "o", "he", "ll", "hell", "lo", "hello", "ell"].map {
      Array($0.utf8)
    }
    // "hello" is hell + o: by then "he" and "ll" have been joined. "ell" cannot be: nothing joins "e" and "ll" or "el" before it.
    let merges = MergeRecovery.merges(of: words)
    #expect(
      merges == [
        .init(left: 0, right: 1, merged: 4), .init(left: 2, right: 2, merged: 5),
        .init(left: 4, right: 5, merged: 6), .init(left: 2, right: 3, merged: 7),
        .init(left: 6, right: 3, merged: 8), .init(left: 1, right: 5, merged: 9),
      ])
  }

  @Test func halvesAreRoundedAsTheStandardLibraryRoundsThem() {
    var random = Seeded(9)
    var values: [Float] = [
      0, -0.0, 65_504, 65_519, 65_520, -65_520, 1e-8, 5.96e-8, 2.98e-8, 2.9802322e-8, 6.1e-5,
      .infinity, 1e30,
    ]
    for _ in 0..<20_000 {
      let value = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
      if !value.isNaN { values.append(value) }
      values.append(Float(Int(random.next() % 4_000_001) - 2_000_000) / 1_024 / 1_024 / 32)
    }
    var halves = [UInt16](repeating: 0, count: values.count)
    narrowToHalves(values, into: &halves, count: values.count)
    #expect(halves == values.map(Bytes.half))
    var nan = [UInt16](repeating: 0, count: 1)
    narrowToHalves([.nan], into: &nan, count: 1)
    #expect(Float16(bitPattern: nan[0]).isNaN)
  }
}
