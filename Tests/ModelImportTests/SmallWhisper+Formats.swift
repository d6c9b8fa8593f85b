import Foundation
import Whisper

@testable import ModelImport

extension SmallWhisper {
  enum Storage: String, CaseIterable { case f32, f16, bf16, int8, int16 }

  /// model.bin, config.json and vocabulary.json or tokenizer.json, as ct2-transformers-converter writes them.
  func writeCTranslate2(
    _ folder: Folder, storage: Storage = .f16, tokenizer: Bool = true, version: Int = 6
  ) throws {
    var bytes = Bytes()
    bytes.u32(version)
    bytes.string("WhisperSpec")
    bytes.u32(3)
    var variables = Bytes()
    var count = 0
    func variable(_ name: String, _ shape: [Int], _ type: Int, _ data: Data) {
      variables.string(name)
      variables.u8(shape.count)
      for size in shape { variables.u32(size) }
      variables.u8(type)
      variables.u32(data.count)
      variables.data.append(data)
      count += 1
    }
    for (name, shape, values) in renamed(\.cTranslate2Name) {
      var data = Bytes()
      let isMatrix = shape.count > 1 && !name.contains("position")
      switch storage {
      case .int8 where isMatrix, .int16 where isMatrix:
        let columns = values.count / shape[0]
        let isByte = storage == .int8
        // Powers of two, so that dividing by them is exact.
        let scales = (0..<(isByte ? shape[0] : 1)).map { Float(32 << ($0 % 2)) }
        for (i, value) in values.enumerated() {
          let integer = Int((value * scales[isByte ? i / columns : 0]).rounded())
          if isByte {
            data.append(Int8(clamping: integer))
          } else {
            data.append(Int16(integer))
          }
        }
        variable(name, shape, isByte ? 1 : 2, data.data)
        var scaleBytes = Bytes()
        scaleBytes.floats(scales)
        variable(name + "_scale", isByte ? [scales.count] : [], 0, scaleBytes.data)
        continue
      case .f16:
        data.halves(values)
        variable(name, shape, 4, data.data)
      case .bf16:
        for value in values { data.append(UInt16(value.bitPattern >> 16)) }
        variable(name, shape, 5, data.data)
      default:
        data.floats(values)
        variable(name, shape, 0, data.data)
      }
    }
    for (name, heads) in [("encoder", sizes.encoderHeads), ("decoder", sizes.decoderHeads)] {
      var data = Bytes()
      data.u16(heads)
      variable(name + "/num_heads", [], 2, data.data)
    }
    variable("decoder/pre_norm", [], 1, Data([1]))
    bytes.u32(count)
    bytes.data.append(variables.data)
    bytes.u32(1)
    bytes.string("decoder/projection/weight")
    bytes.string("decoder/embeddings/weight")
    try folder.write("model.bin", bytes.data)
    try folder.json(
      "config.json",
      [
        "suppress_ids": [1, 2, 3], "suppress_ids_begin": [32, plain.count],
        "alignment_heads": [[0, 1]],
      ] as [String: Any])
    if tokenizer {
      try writeTokenizer(folder)
    } else {
      try folder.json(
        "vocabulary.json",
        plain.map(ByteLevelTokenizer.spelled) + SmallWhisper.controls(sizes.tokens - plain.count))
    }
  }

  /// config.json, generation_config.json, and model.safetensors or two shards.
  func writeHuggingFace(
    _ folder: Folder, storage: Storage = .f32, shards: Bool = false, prefix: String = "model."
  ) throws {
    try folder.json("config.json", huggingFaceConfig)
    try folder.json(
      "generation_config.json",
      [
        "suppress_tokens": [1, 2, 3], "begin_suppress_tokens": [32, plain.count],
        "alignment_heads": [[0, 1]], "is_multilingual": multilingual,
      ] as [String: Any])
    let tensors = renamed(\.huggingFaceName).map { (prefix + $0.name, $0.shape, $0.values) }
    if shards {
      let half = tensors.count / 2
      let parts = [
        ("model-00001-of-00002.safetensors", Array(tensors[..<half])),
        ("model-00002-of-00002.safetensors", Array(tensors[half...])),
      ]
      var map: [String: String] = [:]
      for (name, part) in parts {
        try folder.write(name, SmallWhisper.safetensors(part, storage: storage))
        for tensor in part { map[tensor.0] = name }
      }
      try folder.json("model.safetensors.index.json", ["weight_map": map])
    } else {
      try folder.write(
        "model.safetensors", SmallWhisper.safetensors(tensors, storage: storage))
    }
    try writeTokenizer(folder)
  }

  var huggingFaceConfig: [String: Any] {
    [
      "model_type": "whisper", "num_mel_bins": sizes.melBins, "d_model": sizes.dimension,
      "encoder_layers": sizes.encoderLayers, "encoder_attention_heads": sizes.encoderHeads,
      "encoder_ffn_dim": sizes.encoderFeedForward, "max_source_positions": sizes.encoderPositions,
      "decoder_layers": sizes.decoderLayers, "decoder_attention_heads": sizes.decoderHeads,
      "decoder_ffn_dim": sizes.decoderFeedForward, "max_target_positions": sizes.decoderPositions,
      "vocab_size": sizes.tokens,
    ]
  }

  static func safetensors(
    _ tensors: [(name: String, shape: [Int], values: [Float])], storage: Storage = .f32
  ) -> Data {
    var header: [String: Any] = [:]
    var body = Bytes()
    for tensor in tensors {
      let start = body.data.count
      switch storage {
      case .f16: body.halves(tensor.values)
      case .bf16: for value in tensor.values { body.append(UInt16(value.bitPattern >> 16)) }
      case .int8: for value in tensor.values { body.append(Int8(value)) }
      default: body.floats(tensor.values)
      }
      header[tensor.name] = [
        "dtype": ["f16": "F16", "bf16": "BF16", "int8": "I8"][storage.rawValue] ?? "F32",
        "shape": tensor.shape, "data_offsets": [start, body.data.count],
      ]
    }
    let json = try! JSONSerialization.data(withJSONObject: header, options: [.sortedKeys])
    var file = Bytes()
    file.append(UInt64(json.count))
    return file.data + json + body.data
  }

  /// A whisper.cpp file; matrices in blocks where `type` is quantized: then the weights become what the blocks say.
  mutating func writeGGML(_ folder: Folder, type: Int = 1, name: String = "ggml-small.bin") throws {
    var bytes = Bytes()
    bytes.data.append(contentsOf: Array("lmgg".utf8))
    for value in [
      sizes.tokens, sizes.encoderPositions, sizes.dimension, sizes.encoderHeads,
      sizes.encoderLayers, sizes.decoderPositions, sizes.dimension, sizes.decoderHeads,
      sizes.decoderLayers, sizes.melBins, type,
    ] { bytes.u32(value) }
    bytes.u32(sizes.melBins)
    bytes.u32(201)
    bytes.data.append(Data(count: sizes.melBins * 201 * 4))
    bytes.u32(plain.count)
    for token in plain {
      bytes.u32(token.count)
      bytes.data.append(contentsOf: token)
    }
    var random = Seeded(77)
    for tensor in WhisperTensor.edge(sizes) {
      let name = tensor.openAIName.name
      var shape = tensor.shape
      if name.contains("conv"), shape.count == 1 { shape.append(1) }
      let isMatrix = shape.count > 1 && !name.contains("positional") && !name.hasSuffix("bias")
      let stored = !isMatrix ? 0 : type > 1 && shape.count == 3 ? 1 : type
      bytes.u32(shape.count)
      bytes.u32(name.utf8.count)
      bytes.u32(stored)
      for size in shape.reversed() { bytes.u32(size) }
      bytes.data.append(contentsOf: name.utf8)
      switch stored {
      case 0: bytes.floats(values[tensor.name]!)
      case 1: bytes.halves(values[tensor.name]!)
      default:
        var decoded: [Float] = []
        for _ in 0..<values[tensor.name]!.count / 32 {
          decoded += SmallWhisper.block(type: stored, into: &bytes, random: &random)
        }
        values[tensor.name] = decoded
      }
    }
    try folder.write(name, bytes.data)
  }

  /// A random block, and its 32 values by ggml's definition: x = d q (types _0, q less half its range), or d q + m.
  private static func block(type: Int, into bytes: inout Bytes, random: inout Seeded) -> [Float] {
    let d = Float(1 + random.next() % 15) / 64
    let m = -Float(random.next() % 64) / 16
    bytes.halves([d])
    let isFive = type == 6 || type == 7
    let hasMinimum = type == 3 || type == 7
    if hasMinimum { bytes.halves([m]) }
    if type == 8 {
      let q = (0..<32).map { _ in Int(random.next() % 255) - 127 }
      for value in q { bytes.append(Int8(value)) }
      return q.map { Float($0) * d }
    }
    let q = (0..<32).map { _ in Int(random.next() % (isFive ? 32 : 16)) }
    if isFive {
      bytes.append((0..<32).reduce(UInt32(0)) { $0 | UInt32(q[$1] >> 4) << UInt32($1) })
    }
    for i in 0..<16 { bytes.u8(q[i] & 15 | (q[i + 16] & 15) << 4) }
    return q.map { hasMinimum ? Float($0) * d + m : Float($0 - (isFive ? 16 : 8)) * d }
  }

  /// The control tokens of a decoder, in order.
  static func controls(_ count: Int) -> [String] {
    ["<|endoftext|>", "<|startoftranscript|>"]
      + WhisperControls.languages.prefix(count - 8 - 1_501).map { "<|\($0)|>" } + [
        "<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>",
        "<|notimestamps|>",
      ] + (0..<1_501).map { String(format: "<|%.2f|>", Double($0) / 50) }
  }

  func writeTokenizer(_ folder: Folder, timestamps: Bool = true) throws {
    let names = SmallWhisper.controls(sizes.tokens - plain.count)
    let kept = timestamps ? names[...] : names.dropLast(1_501)
    var controls: [Int: String] = [:]
    for (i, name) in kept.enumerated() { controls[plain.count + i] = name }
    let tokens = plain + [[UInt8]](repeating: [], count: kept.count)
    try folder.write(
      "tokenizer.json",
      TokenizerFile.json(
        ByteLevelTokenizer(
          tokens: tokens, controlNames: controls,
          merges: MergeRecovery.merges(of: plain))))
  }
}
