import Foundation

extension WhisperSource {
  /// CTranslate2's data types by number (include/ctranslate2/types.h).
  private static let cTranslate2Types: [SourceTensor.Encoding?] = [
    .float32, .int8, .int16, nil, .float16, .bfloat16,
  ]

  /// Reads a folder of faster-whisper's kind: model.bin, config.json, vocabulary.json or .txt, tokenizer.json.
  ///
  /// model.bin, little-endian: u32 format version, the specification's name, u32 its revision, u32 number of variables; each a name, u8
  /// rank, u32 sizes, u8 type, u32 bytes, data; then u32 number of aliases, each two names. A name is u16 bytes and ends in a zero.
  static func openCTranslate2(_ folder: String) throws(ImportError) -> WhisperSource {
    let file = try SourceFile(path: folder + "/model.bin")
    var reader = ByteReader(file)
    let version = try reader.uint32("the format's version")
    guard (4...6).contains(version) else {
      throw ImportError(
        path: file.path, place: "byte 0",
        problem:
          "it is not a CTranslate2 model of format version 4 to 6 (it begins with \(version))",
        remedy: "Convert the model again with a current ct2-transformers-converter.")
    }
    let specification = try name(&reader, "the specification's name")
    guard specification == "WhisperSpec" else {
      throw ImportError(
        path: file.path, place: "byte 4",
        problem: "it is a \(specification.prefix(40)), not a WhisperSpec",
        remedy: "Give a Whisper model.")
    }
    let revision = try reader.uint32("the specification's revision")
    guard (1...3).contains(revision) else {
      throw ImportError(
        path: file.path, problem: "revision \(revision) of WhisperSpec is not known; 1 to 3 are",
        remedy: "Convert the model with ct2-transformers-converter of CTranslate2 3 or 4.")
    }
    let (tensors, heads) = try variables(&reader, file)
    let sizes = try sizes(tensors, heads: heads, path: file.path)
    let configPath = folder + "/config.json"
    let config =
      FileManager.default.fileExists(atPath: configPath) ? try SourceFile.json(configPath) : [:]
    let source = WhisperSource(
      format: .cTranslate2, path: file.path, sizes: sizes, tensors: tensors,
      tokenizer: try SourceTokenizer(folder: folder), isMultilingual: nil,
      suppressedTokens: config["suppress_ids"] as? [Int],
      suppressedFirstTokens: config["suppress_ids_begin"] as? [Int],
      alignmentHeads: config["alignment_heads"] as? [[Int]], digest: file.digest)
    try source.check { $0.hasSuffix("_scale") || $0.hasPrefix("decoder/projection/") }
    return source
  }

  private static func name(_ reader: inout ByteReader, _ what: String) throws(ImportError)
    -> String
  {
    let count = try reader.uint16("the length of \(what)")
    guard count > 0 else { return "" }
    return String(try reader.string(count, what).prefix { $0 != "\0" })
  }

  /// Tensors by name, integer ones with their scales, and the numbers of heads.
  private static func variables(_ reader: inout ByteReader, _ file: SourceFile)
    throws(ImportError) -> (tensors: [String: SourceTensor], heads: [String: Int])
  {
    let count = try reader.uint32("the number of variables")
    var tensors: [String: SourceTensor] = [:]
    var heads: [String: Int] = [:]
    for index in 0..<count {
      let name = try name(&reader, "the name of variable \(index)")
      let rank = try reader.uint8("the rank of \(name)")
      var shape: [Int] = []
      for _ in 0..<rank { shape.append(try reader.uint32("the shape of \(name)")) }
      let type = try reader.uint8("the type of \(name)")
      let bytes = try reader.uint32("the size of \(name)")
      let range = try reader.take(bytes, "tensor \(name)")
      if rank == 0 || name.hasSuffix("alignment_heads") {
        // Settings; every Whisper has GELU and pre-normalization, so only the heads are news.
        if name.hasSuffix("/num_heads"), bytes == 2 {
          heads[name] = Int(
            Int16(
              littleEndian: file.bytes.loadUnaligned(
                fromByteOffset: range.lowerBound, as: Int16.self)))
        }
        // The one scale of an int16 matrix has rank 0.
        if !name.hasSuffix("_scale") { continue }
      }
      guard type < cTranslate2Types.count, let encoding = cTranslate2Types[type] else {
        throw ImportError(
          path: file.path, place: "tensor \(name)", problem: "data type \(type) is not known",
          remedy: "Convert the model with quantization float32, float16, bfloat16, int16 or int8.")
      }
      guard tensors[name] == nil else {
        throw ImportError(
          path: file.path, place: "byte \(range.lowerBound)",
          problem: "tensor \(name) occurs twice",
          remedy: ImportError.fetchAgain)
      }
      tensors[name] = try SourceTensor(
        name: name, shape: shape, encoding: encoding, file: file, range: range)
    }
    try addScales(&tensors)
    for index in 0..<(try reader.uint32("the number of aliases")) {
      let alias = try name(&reader, "alias \(index)")
      let original = try name(&reader, "what alias \(index) stands for")
      if let tensor = tensors[original] { tensors[alias] = tensor }
    }
    return (tensors, heads)
  }

  /// CTranslate2 stores round(x · scale) and the scale, 127 / max |row| for int8.
  private static func addScales(_ tensors: inout [String: SourceTensor]) throws(ImportError) {
    for (name, tensor) in tensors where tensor.encoding == .int8 || tensor.encoding == .int16 {
      guard let scale = tensors[name + "_scale"],
        [1, tensor.rows].contains(scale.rows * scale.columns)
      else {
        throw ImportError(
          path: tensor.file.path, place: "tensor \(name)",
          problem: "its integers have no scale for each row",
          remedy: "Convert the model again; weights packed for one machine are not read.")
      }
      let scales = scale.values()
      guard scales.allSatisfy({ $0.isFinite && $0 > 0 }) else {
        throw ImportError(
          path: tensor.file.path, place: "tensor \(name)_scale",
          problem: "a scale is not a positive number", remedy: ImportError.fetchAgain)
      }
      tensors[name]?.scales = scales
      tensors[name]?.scalesDivide = true
    }
  }

  private static func sizes(
    _ tensors: [String: SourceTensor], heads: [String: Int], path: String
  ) throws(ImportError) -> WhisperSizes {
    func shape(_ name: String, _ rank: Int) throws(ImportError) -> [Int] {
      guard let tensor = tensors[name], tensor.shape.count == rank else {
        throw ImportError(
          path: path, place: "tensor \(name)", problem: "it is missing, or not of rank \(rank)",
          remedy: "Check that this is a Whisper model, and fetch it again.")
      }
      return tensor.shape
    }
    func layers(_ side: String) -> Int {
      Set(
        tensors.keys.filter { $0.hasPrefix(side + "/layer_") }
          .compactMap { Int($0.split(separator: "/")[1].dropFirst(6)) }
      ).count
    }
    let stem = try shape("encoder/conv1/weight", 3)
    let positions = try shape("encoder/position_encodings/encodings", 2)
    let decoderPositions = try shape("decoder/position_encodings/encodings", 2)
    let embedding = try shape("decoder/embeddings/weight", 2)
    let dimension = embedding[1]
    // From before the numbers of heads were stored: 64 dimensions a head.
    let usual = max(1, dimension / 64)
    return WhisperSizes(
      melBins: stem[1], dimension: dimension, encoderLayers: layers("encoder"),
      encoderHeads: heads["encoder/num_heads"] ?? usual,
      encoderFeedForward: try shape("encoder/layer_0/ffn/linear_0/weight", 2)[0],
      encoderPositions: positions[0], decoderLayers: layers("decoder"),
      decoderHeads: heads["decoder/num_heads"] ?? usual,
      decoderFeedForward: try shape("decoder/layer_0/ffn/linear_0/weight", 2)[0],
      decoderPositions: decoderPositions[0], tokens: embedding[0])
  }
}
