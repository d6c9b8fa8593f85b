import Foundation
import Tensors
import Whisper

/// Whisper weights from elsewhere, read but not converted yet.
struct WhisperSource: Sendable {
  enum Format: String, Sendable {
    case cTranslate2 = "ctranslate2"
    case huggingFace = "huggingface"
    case ggml
    /// A folder that Tandem imported before, to merge an adaptation onto.
    case tandem
  }

  var format: Format
  /// The file or folder, for messages.
  var path: String
  var sizes: WhisperSizes
  var tensors: [String: SourceTensor]
  /// Put before Hugging Face's names: `model.` or nothing.
  var prefix = ""
  var tokenizer: SourceTokenizer
  /// nil where the source does not say.
  var isMultilingual: Bool?
  var suppressedTokens: [Int]?
  var suppressedFirstTokens: [Int]?
  var alignmentHeads: [[Int]]?
  /// SHA-256 of the public weights, as docs/model-format.md's `source.sha256`.
  var digest: String

  /// Opens a folder or file in whichever of the formats it is.
  static func open(_ path: String) throws(ImportError) -> WhisperSource {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw ImportError(
        path: path, problem: "there is no such file or folder", remedy: "Check the path.")
    }
    func has(_ name: String) -> Bool {
      FileManager.default.fileExists(atPath: path + "/" + name)
    }
    if !isFolder.boolValue { return try openFile(path) }
    if has("model.json") { return try openTandem(path) }
    if has("model.bin") { return try openCTranslate2(path) }
    if has("model.safetensors") || has("model.safetensors.index.json") {
      return try openHuggingFace(path)
    }
    if has("pytorch_model.bin") || has("pytorch_model.bin.index.json") {
      throw ImportError(
        path: path, problem: "its weights are PyTorch's pickle format, which can run code",
        remedy: "Convert them to model.safetensors, or fetch the repository's safetensors.")
    }
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).filter {
      $0.hasPrefix("ggml-") && $0.hasSuffix(".bin")
    }
    if names.count == 1 { return try openFile(path + "/" + names[0]) }
    throw ImportError(
      path: path,
      problem: "it holds no Whisper weights in a format that is read",
      remedy:
        "Give a CTranslate2 folder (model.bin), a Hugging Face folder (model.safetensors, config.json), or a whisper.cpp file (ggml-….bin)."
    )
  }

  private static func openFile(_ path: String) throws(ImportError) -> WhisperSource {
    let url = URL(fileURLWithPath: path)
    if url.pathExtension == "safetensors" {
      return try openHuggingFace(url.deletingLastPathComponent().path)
    }
    let file = try SourceFile(path: path)
    let magic = file.bytes.count >= 4 ? Array(file.bytes[0..<4]) : []
    if magic == GGMLFormat.magic { return try openGGML(file) }
    if magic == Array("GGUF".utf8) {
      throw ImportError(
        path: path, place: "byte 0", problem: "it is a GGUF file, and whisper.cpp's models are not",
        remedy: "Fetch a ggml-….bin file of whisper.cpp.")
    }
    if magic.starts(with: Array("PK".utf8)) || magic.first == 0x80 {
      throw ImportError(
        path: path, place: "byte 0", problem: "it is a PyTorch checkpoint, which can run code",
        remedy:
          "Convert it to safetensors, or to a ggml file with whisper.cpp's models/convert-pt-to-ggml.py."
      )
    }
    if url.lastPathComponent == "model.bin" {
      return try openCTranslate2(url.deletingLastPathComponent().path)
    }
    throw ImportError(
      path: path, place: "byte 0",
      problem: "it is not a file of Whisper weights in a format that is read",
      remedy: "Give a CTranslate2 or Hugging Face folder, or a whisper.cpp file (ggml-….bin).")
  }

  /// This format's name of a tensor.
  func sourceName(_ tensor: WhisperTensor) -> SourceName {
    switch format {
    case .cTranslate2: return tensor.cTranslate2Name
    case .ggml: return tensor.openAIName
    case .tandem: return SourceName(name: tensor.name)
    case .huggingFace:
      var name = tensor.huggingFaceName
      name.name = prefix + name.name
      return name
    }
  }

  /// A tensor's rows in the source, its shape checked.
  func slice(_ tensor: WhisperTensor) throws(ImportError) -> SourceSlice {
    let name = sourceName(tensor)
    guard let found = tensors[name.name] else {
      throw ImportError(
        path: path, place: "tensor \(name.name)", problem: "it is missing",
        remedy:
          "Check that the weights and their configuration belong together, and fetch both again.")
    }
    var wanted = tensor.shape
    wanted[0] *= name.parts
    guard found.shape.filter({ $0 != 1 }) == wanted.filter({ $0 != 1 }) else {
      throw ImportError(
        path: found.file.path, place: "tensor \(name.name)",
        problem: "its shape is \(found.shape), and the model's sizes imply \(wanted)",
        remedy:
          "Check that the weights and their configuration belong together, and fetch both again.")
    }
    return SourceSlice(
      tensor: found, rows: name.part * tensor.shape[0]..<(name.part + 1) * tensor.shape[0])
  }

  /// Checks that every tensor is there in its shape, and that there are no more: layers that the sizes do not
  /// speak of, or an adapter's, would be lost in silence.
  func check(ignoring isKnown: (String) -> Bool) throws(ImportError) {
    if let problem = sizes.problem {
      throw ImportError(
        path: path, problem: "it claims \(problem)", remedy: "Check that this is a Whisper model.")
    }
    var used: Set<String> = []
    for tensor in WhisperTensor.edge(sizes) {
      _ = try slice(tensor)
      used.insert(sourceName(tensor).name)
    }
    if let extra = tensors.keys.filter({ !used.contains($0) && !isKnown($0) }).min() {
      throw ImportError(
        path: path, place: "tensor \(extra)",
        problem: "a Whisper model of these sizes has no such tensor",
        remedy:
          "Check that the weights and their configuration belong together; merge adapters first.")
    }
  }
}

/// Consecutive rows of a tensor in the source.
struct SourceSlice: Sendable {
  let tensor: SourceTensor
  let rows: Range<Int>

  func read(_ part: Range<Int>, into out: UnsafeMutableBufferPointer<Float>) {
    tensor.read(
      rows.lowerBound + part.lowerBound..<rows.lowerBound + part.upperBound, into: out)
  }
}
