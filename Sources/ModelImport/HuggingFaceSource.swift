import Basics
import Foundation
import Tensors

extension WhisperSource {
  /// Reads a folder of `transformers`: model.safetensors or shards with an index, config.json, generation_config.json, and the
  /// tokenizer's files.
  static func openHuggingFace(_ folder: String) throws(ImportError) -> WhisperSource {
    let configPath = folder + "/config.json"
    let config = try SourceFile.json(configPath)
    if let type = config["model_type"] as? String, type != "whisper" {
      throw ImportError(
        path: configPath, place: "model_type", problem: "it is a \(type.prefix(40)) model",
        remedy: "Give a Whisper model.")
    }
    let sizes = try huggingFaceSizes(config, path: configPath)
    let (tensors, digest) = try safetensors(folder)
    let generationPath = folder + "/generation_config.json"
    let generation =
      FileManager.default.fileExists(atPath: generationPath)
      ? try SourceFile.json(generationPath) : [:]
    func list(_ key: String) -> [Int]? {
      generation[key] as? [Int] ?? config[key] as? [Int]
    }
    var source = WhisperSource(
      format: .huggingFace, path: folder, sizes: sizes, tensors: tensors,
      tokenizer: try SourceTokenizer(folder: folder),
      isMultilingual: generation["is_multilingual"] as? Bool,
      suppressedTokens: list("suppress_tokens"),
      suppressedFirstTokens: list("begin_suppress_tokens"),
      alignmentHeads: generation["alignment_heads"] as? [[Int]], digest: digest)
    // WhisperForConditionalGeneration has the prefix, a bare WhisperModel has not.
    if tensors["model.encoder.conv1.weight"] != nil { source.prefix = "model." }
    try source.check { $0 == "proj_out.weight" }
    try checkTied(source)
    return source
  }

  private static func huggingFaceSizes(_ config: [String: Any], path: String) throws(ImportError)
    -> WhisperSizes
  {
    func number(_ key: String) throws(ImportError) -> Int {
      guard let value = config[key] as? Int else {
        throw ImportError(
          path: path, place: key, problem: "it is missing, or no whole number",
          remedy: "Check that this is the config.json of a Whisper model.")
      }
      return value
    }
    return WhisperSizes(
      melBins: try number("num_mel_bins"), dimension: try number("d_model"),
      encoderLayers: try number("encoder_layers"),
      encoderHeads: try number("encoder_attention_heads"),
      encoderFeedForward: try number("encoder_ffn_dim"),
      encoderPositions: try number("max_source_positions"),
      decoderLayers: try number("decoder_layers"),
      decoderHeads: try number("decoder_attention_heads"),
      decoderFeedForward: try number("decoder_ffn_dim"),
      decoderPositions: try number("max_target_positions"), tokens: try number("vocab_size"))
  }

  /// The tensors of one file, or of all shards that the index names.
  private static func safetensors(_ folder: String) throws(ImportError)
    -> (tensors: [String: SourceTensor], digest: String)
  {
    let single = folder + "/model.safetensors"
    if FileManager.default.fileExists(atPath: single) {
      return try safetensorsFile(single, holding: nil)
    }
    let indexPath = single + ".index.json"
    guard let map = try SourceFile.json(indexPath)["weight_map"] as? [String: String], !map.isEmpty
    else {
      throw ImportError(
        path: indexPath, place: "weight_map", problem: "it is missing or empty",
        remedy: ImportError.fetchAgain)
    }
    var tensors: [String: SourceTensor] = [:]
    var digests: [String] = []
    for shard in Set(map.values).sorted() {
      guard !shard.isEmpty, !shard.contains("/"), !shard.hasPrefix(".") else {
        throw ImportError(
          path: indexPath, place: "weight_map",
          problem: "\"\(shard.prefix(80))\" is not a plain file name",
          remedy: ImportError.fetchAgain)
      }
      let names = Set(map.filter { $0.value == shard }.keys)
      let (found, digest) = try safetensorsFile(folder + "/" + shard, holding: names)
      tensors.merge(found) { first, _ in first }
      digests.append(digest)
    }
    return (tensors, SHA256.hash(of: Data(digests.joined().utf8)).hexadecimal)
  }

  /// Checks the header of one safetensors file, and that it has the tensors that the index promises.
  static func safetensorsFile(_ path: String, holding names: Set<String>?) throws(ImportError)
    -> (tensors: [String: SourceTensor], digest: String)
  {
    let file = try SourceFile(path: path)
    let header: SafetensorsFile
    do {
      header = try SafetensorsFile(path: path)
    } catch {
      throw importError(error, path: path)
    }
    var tensors: [String: SourceTensor] = [:]
    for name in header.tensorNames {
      guard let entry = header.entry(of: name) else { continue }
      let encoding: SourceTensor.Encoding =
        switch entry.type {
        case .float32: .float32
        case .float16: .float16
        case .bfloat16: .bfloat16
        case .int8: .int8
        case .uint8: .uint8
        }
      tensors[name] = try SourceTensor(
        name: name, shape: entry.shape, encoding: encoding, file: file, range: entry.range)
    }
    if let missing = names?.filter({ tensors[$0] == nil }).min() {
      throw ImportError(
        path: path, place: "tensor \(missing)",
        problem: "the index says that it is here, and it is not",
        remedy: "Fetch all shards of one version of the model.")
    }
    return (tensors, file.digest)
  }

  private static func importError(_ error: SafetensorsError, path: String) -> ImportError {
    switch error {
    case .truncated(_, let bytes, let needed):
      ImportError(
        path: path, place: "byte \(bytes)",
        problem: "it ends here, and its header speaks of \(needed) bytes",
        remedy: ImportError.fetchAgain)
    case .badHeader(_, let reason):
      ImportError(
        path: path, place: "the safetensors header", problem: reason,
        remedy: ImportError.fetchAgain)
    case .unreadable(_, let reason):
      ImportError(
        path: path, problem: "it cannot be read: \(reason)",
        remedy: "Check the path and the permissions.")
    default:
      ImportError(path: path, problem: error.description, remedy: ImportError.fetchAgain)
    }
  }

  /// Whisper's output projection is its token embedding; a checkpoint that has both must have them equal.
  private static func checkTied(_ source: WhisperSource) throws(ImportError) {
    guard let output = source.tensors["proj_out.weight"],
      let embedding = source.tensors[source.prefix + "decoder.embed_tokens.weight"]
    else { return }
    var isTied = output.shape == embedding.shape
    if isTied {
      for rows in rowBlocks(output.rows, columns: output.columns) where isTied {
        let count = rows.count * output.columns
        let (a, b) = (
          UnsafeMutableBufferPointer<Float>.allocate(capacity: count),
          UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
        )
        defer {
          a.deallocate()
          b.deallocate()
        }
        output.read(rows, into: a)
        embedding.read(rows, into: b)
        isTied = a.elementsEqual(b)
      }
    }
    guard isTied else {
      throw ImportError(
        path: source.path, place: "tensor proj_out.weight",
        problem: "it differs from the token embedding, and Tandem keeps one tensor for both",
        remedy: "Train with tied embeddings, as Whisper is.")
    }
  }
}

/// All rows in blocks of about a million values.
func rowBlocks(_ rows: Int, columns: Int) -> [Range<Int>] {
  let step = max(1, (1 << 20) / max(1, columns))
  return stride(from: 0, to: rows, by: step).map { $0..<min($0 + step, rows) }
}
