import Foundation
import Whisper

/// whisper.cpp's files (models/convert-pt-to-ggml.py), little-endian: the magic, eleven i32 sizes, mel filters, the vocabulary,
/// then tensors to the file's end: i32 rank, i32 length of the name, i32 type, i32 sizes with the last dimension first, name, data.
enum GGMLFormat {
  static let magic = Array("lmgg".utf8)

  /// ggml's data types by number (ggml.h).
  static let types: [Int: SourceTensor.Encoding] = [
    0: .float32, 1: .float16, 2: .q40, 3: .q41, 6: .q50, 7: .q51, 8: .q80, 30: .bfloat16,
  ]
}

extension WhisperSource {
  static func openGGML(_ file: SourceFile) throws(ImportError) -> WhisperSource {
    var reader = ByteReader(file)
    _ = try reader.take(4, "the magic")
    let sizes = try ggmlSizes(&reader)
    // The filters are those of the log-mel spectrogram that the engine computes itself.
    let filters = (try reader.int32("the filters"), try reader.int32("the filters"))
    guard filters.0 == sizes.melBins, (1...4_096).contains(filters.1) else {
      throw ImportError(
        path: file.path, place: "byte 48",
        problem: "it has \(filters.0) x \(filters.1) mel filters for \(sizes.melBins) mel bins",
        remedy: ImportError.fetchAgain)
    }
    _ = try reader.take(filters.0 * filters.1 * 4, "the mel filters")
    let tokens = try ggmlTokens(&reader, limit: sizes.tokens)
    let tensors = try ggmlTensors(&reader)
    let source = WhisperSource(
      format: .ggml, path: file.path, sizes: sizes, tensors: tensors,
      tokenizer: SourceTokenizer(tokens: tokens, path: file.path), digest: file.digest)
    try source.check { _ in false }
    return source
  }

  private static func ggmlSizes(_ reader: inout ByteReader) throws(ImportError) -> WhisperSizes {
    let names = [
      "n_vocab", "n_audio_ctx", "n_audio_state", "n_audio_head", "n_audio_layer", "n_text_ctx",
      "n_text_state", "n_text_head", "n_text_layer", "n_mels", "ftype",
    ]
    var value: [String: Int] = [:]
    for name in names { value[name] = try reader.int32(name) }
    let width = value["n_audio_state"]!
    guard width == value["n_text_state"]!, (2...4_096).contains(width) else {
      throw ImportError(
        path: reader.file.path, place: "byte 12",
        problem:
          "the encoder is \(width) wide and the decoder \(value["n_text_state"]!); they must be equal, and at most 4096",
        remedy: ImportError.fetchAgain)
    }
    let sizes = WhisperSizes(
      melBins: value["n_mels"]!, dimension: width, encoderLayers: value["n_audio_layer"]!,
      encoderHeads: value["n_audio_head"]!, encoderFeedForward: 4 * width,
      encoderPositions: value["n_audio_ctx"]!, decoderLayers: value["n_text_layer"]!,
      decoderHeads: value["n_text_head"]!, decoderFeedForward: 4 * width,
      decoderPositions: value["n_text_ctx"]!, tokens: value["n_vocab"]!)
    if let problem = sizes.problem {
      throw ImportError(
        path: reader.file.path, place: "byte 4", problem: "it claims \(problem)",
        remedy: "Check that this is a Whisper model of whisper.cpp.")
    }
    return sizes
  }

  private static func ggmlTokens(_ reader: inout ByteReader, limit: Int) throws(ImportError)
    -> [[UInt8]]
  {
    let place = reader.offset
    let count = try reader.int32("the number of tokens")
    guard (1...limit).contains(count) else {
      throw ImportError(
        path: reader.file.path, place: "byte \(place)",
        problem: "it lists \(count) tokens, and the model has \(limit)",
        remedy: ImportError.fetchAgain)
    }
    var tokens: [[UInt8]] = []
    for index in 0..<count {
      let length = try reader.int32("the length of token \(index)")
      guard (0...1_024).contains(length) else {
        throw ImportError(
          path: reader.file.path, place: "byte \(reader.offset - 4)",
          problem: "token \(index) has \(length) bytes; at most 1024 are read",
          remedy: ImportError.fetchAgain)
      }
      tokens.append(Array(reader.file.bytes[try reader.take(length, "token \(index)")]))
    }
    return tokens
  }

  private static func ggmlTensors(_ reader: inout ByteReader) throws(ImportError)
    -> [String: SourceTensor]
  {
    let file = reader.file
    var tensors: [String: SourceTensor] = [:]
    while reader.remaining > 0 {
      let place = "byte \(reader.offset)"
      let rank = try reader.int32("a tensor's rank")
      let length = try reader.int32("a tensor's name")
      let type = try reader.int32("a tensor's type")
      guard (1...4).contains(rank), (1...256).contains(length) else {
        throw ImportError(
          path: file.path, place: place,
          problem: "a tensor of rank \(rank) with a name of \(length) bytes cannot be",
          remedy: ImportError.fetchAgain)
      }
      var shape: [Int] = []
      for _ in 0..<rank { shape.insert(try reader.int32("a tensor's shape"), at: 0) }
      let name = try reader.string(length, "a tensor's name")
      guard let encoding = GGMLFormat.types[type] else {
        throw ImportError(
          path: file.path, place: "tensor \(name)", problem: "ggml's data type \(type) is not read",
          remedy: "Fetch the model in f32, f16, q8_0, q5_0, q5_1, q4_0 or q4_1.")
      }
      guard let bytes = SourceTensor.byteCount(shape: shape, encoding: encoding) else {
        throw ImportError(
          path: file.path, place: "tensor \(name)",
          problem: "shape \(shape) cannot be in \(encoding.rawValue)",
          remedy: ImportError.fetchAgain)
      }
      guard tensors[name] == nil else {
        throw ImportError(
          path: file.path, place: place, problem: "tensor \(name) occurs twice",
          remedy: ImportError.fetchAgain)
      }
      tensors[name] = try SourceTensor(
        name: name, shape: shape, encoding: encoding, file: file,
        range: try reader.take(bytes, "tensor \(name)"))
    }
    return tensors
  }
}
