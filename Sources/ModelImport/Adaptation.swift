import Basics
import Conformer
import Foundation
import Models
import Whisper

/// What was trained on top of public weights: an adaptation folder, read and checked. docs/model-format.md is normative.
struct Adaptation: Sendable {
  static let formatName = "tandem-adaptation"

  struct Manifest: Codable, Sendable {
    struct Base: Codable, Sendable {
      var name: String
      var sha256: String
    }
    struct Decoder: Codable, Sendable {
      var language: String?
      var suppressedTokens: [Int]?
      var suppressedFirstTokens: [Int]?
      /// Whether the decoder was trained with the silence tail in its memory; true where nothing is said.
      var silenceTail: Bool?
    }
    var format: String
    var version: Int
    var name: String
    var base: Base
    var weights: [ModelConfiguration.File]
    var exits: [WhisperConfiguration.Exit]?
    var deviceLayers: Int?
    var vocabulary: ModelConfiguration.File?
    var languageModels: ModelConfiguration.LanguageModels?
    var decoder: Decoder?
  }

  let folder: String
  let path: String
  let manifest: Manifest
  /// Of adaptation.json.
  let digest: String
  private let tensors: [String: SourceTensor]
  /// Tokens of the exits, 0 without exits.
  let vocabularySize: Int

  /// - Throws: `ImportError` for a damaged folder, files other than those that adaptation.json vouches for, and another base.
  init(folder: String, base: WhisperSource) throws(ImportError) {
    self.folder = folder
    path = folder + "/adaptation.json"
    let data = try SourceFile.contents(path, limit: 1 << 20)
    digest = SHA256.hash(of: data).hexadecimal
    let remedy = "See docs/model-format.md, and export the adaptation again."
    do {
      manifest = try JSONDecoder().decode(Manifest.self, from: data)
    } catch {
      throw ImportError(
        path: path, problem: "it is not the description of an adaptation (\(error))",
        remedy: remedy)
    }
    guard manifest.format == Self.formatName, manifest.version == 1 else {
      throw ImportError(
        path: path, place: "format",
        problem:
          "\"\(manifest.format)\" version \(manifest.version) is not read; \"\(Self.formatName)\" version 1 is",
        remedy: remedy)
    }
    guard manifest.base.sha256.lowercased() == base.digest else {
      throw ImportError(
        path: path, place: "base.sha256",
        problem:
          "it was trained on \(manifest.base.name) with SHA-256 \(manifest.base.sha256), and \(base.path) has \(base.digest)",
        remedy: "Give the public weights that it was trained on.")
    }
    let optional = [manifest.languageModels?.edge, manifest.languageModels?.device]
    let others = [manifest.vocabulary].compactMap { $0 } + optional.compactMap { $0 }
    for file in manifest.weights + others
    where file.file.isEmpty || file.file.contains("/") || file.file.hasPrefix(".") {
      throw ImportError(
        path: path, problem: "\"\(file.file.prefix(80))\" is not a plain file name", remedy: remedy)
    }
    var tensors: [String: SourceTensor] = [:]
    for file in manifest.weights {
      let (found, digest) = try WhisperSource.safetensorsFile(
        folder + "/" + file.file, holding: nil)
      try Self.verify(digest, file, folder: folder)
      for (name, tensor) in found {
        guard tensors.updateValue(tensor, forKey: name) == nil else {
          throw ImportError(
            path: tensor.file.path, place: "tensor \(name)",
            problem: "another part has it too", remedy: remedy)
        }
      }
    }
    self.tensors = tensors
    for file in others {
      let digest = try SourceFile(path: folder + "/" + file.file).digest
      try Self.verify(digest, file, folder: folder)
    }
    if let file = manifest.vocabulary {
      let path = folder + "/" + file.file
      do {
        vocabularySize = try Vocabulary(json: SourceFile.contents(path), path: path).tokens.count
      } catch {
        throw ImportError(path: path, problem: "\(error)", remedy: remedy)
      }
    } else {
      vocabularySize = 0
    }
  }

  private static func verify(
    _ digest: String, _ file: ModelConfiguration.File, folder: String
  ) throws(ImportError) {
    guard digest == file.sha256.lowercased() else {
      throw ImportError(
        path: folder + "/" + file.file,
        problem: "its SHA-256 is \(digest), and adaptation.json says \(file.sha256)",
        remedy: "Fetch or export the adaptation again.")
    }
  }

  /// The base's tensors with what the adaptation says of them for one half, and the half's new ones.
  ///
  /// Tensors without prefix concern both halves and come first, then those of the half. `used` gathers what was applied.
  func apply(
    to base: [OutputTensor], half: String, new: [(name: String, shape: [Int])],
    used: inout Set<String>
  ) throws(ImportError) -> [OutputTensor] {
    var result: [OutputTensor] = []
    for tensor in base {
      var adapted = tensor
      for prefix in ["", half + "."] {
        let name = prefix + tensor.name
        if let whole = try whole(name, shape: tensor.shape, used: &used) {
          adapted.base = SourceSlice(tensor: whole, rows: 0..<whole.rows)
          adapted.additions = []
        }
        adapted.additions += try additions(name, to: tensor, used: &used)
      }
      result.append(adapted)
    }
    for (name, shape) in new {
      var found: SourceTensor?
      for prefix in ["", half + "."] {
        found = try whole(prefix + name, shape: shape, used: &used) ?? found
      }
      guard let found else {
        throw ImportError(
          path: path, place: "tensor \(name)", problem: "no part of the weights has it",
          remedy: "Export the adaptation again.")
      }
      result.append(
        OutputTensor(
          name: name, shape: shape, base: SourceSlice(tensor: found, rows: 0..<found.rows)))
    }
    return result
  }

  /// Whether the adaptation brings this tensor of its own for this half.
  func has(_ name: String, half: String) -> [Int]? {
    for prefix in [half + ".", ""] {
      if let tensor = tensors[prefix + name] ?? tensors[prefix + name + ".int8"] {
        return tensor.shape
      }
    }
    return nil
  }

  /// - Throws: `ImportError` for a tensor that nothing asked for: it would be lost in silence.
  func checkAllUsed(_ used: Set<String>) throws(ImportError) {
    if let extra = tensors.keys.filter({ !used.contains($0) }).min() {
      throw ImportError(
        path: tensors[extra]?.file.path ?? path, place: "tensor \(extra)",
        problem: "the base has no tensor that it belongs to, or a piece beside it is missing",
        remedy: "Export the adaptation again for this base.")
    }
  }

  private func whole(_ name: String, shape: [Int], used: inout Set<String>) throws(ImportError)
    -> SourceTensor?
  {
    if let tensor = tensors[name] {
      used.insert(name)
      return try checked(tensor, shape: shape, encodings: [.float32, .float16, .bfloat16])
    }
    guard let integers = tensors[name + ".int8"] else { return nil }
    return try scaled(integers, name + ".scale", shape: shape, used: &used)
  }

  private func additions(
    _ name: String, to tensor: OutputTensor, used: inout Set<String>
  ) throws(ImportError) -> [OutputTensor.Addition] {
    var additions: [OutputTensor.Addition] = []
    // The factors may be named after the matrix or after its layer: `….query.weight.lowRankUp`, `….query.lowRankUp`.
    let layer = name.hasSuffix(".weight") ? [String(name.dropLast(7))] : []
    for owner in [name] + layer {
      guard let rank = rows(owner + ".lowRankDown"),
        let down = try matrix(
          owner + ".lowRankDown", rows: rank, columns: tensor.columns, used: &used),
        let up = try matrix(owner + ".lowRankUp", rows: tensor.rows, columns: rank, used: &used)
      else { continue }
      additions.append(.lowRank(up: up, down: down.values(), rank: rank))
    }
    if let delta = try matrix(
      name + ".delta", rows: tensor.rows, columns: tensor.columns, used: &used)
    {
      additions.append(.matrix(delta))
    }
    return additions
  }

  private func rows(_ name: String) -> Int? {
    (tensors[name] ?? tensors[name + ".int8"] ?? tensors[name + ".int4"])?.rows
  }

  /// Numbers under their name, or integers under `.int8` or `.int4` beside a `.scale`.
  private func matrix(_ name: String, rows: Int, columns: Int, used: inout Set<String>)
    throws(ImportError) -> AdaptationMatrix?
  {
    if let packed = tensors[name + ".int4"] {
      used.insert(packed.name)
      return AdaptationMatrix(
        tensor: try checked(packed, shape: [rows, (columns + 1) / 2], encodings: [.uint8]),
        columns: columns, packedScales: try scales(name + ".scale", rows, used: &used))
    }
    guard let tensor = try whole(name, shape: [rows, columns], used: &used) else { return nil }
    return AdaptationMatrix(tensor: tensor, columns: columns)
  }

  private func scaled(
    _ integers: SourceTensor, _ scaleName: String, shape: [Int], used: inout Set<String>
  ) throws(ImportError) -> SourceTensor {
    used.insert(integers.name)
    var tensor = try checked(integers, shape: shape, encodings: [.int8])
    tensor.scales = try scales(scaleName, tensor.rows, used: &used)
    return tensor
  }

  private func scales(_ name: String, _ rows: Int, used: inout Set<String>) throws(ImportError)
    -> [Float]
  {
    guard let scale = tensors[name] else {
      throw ImportError(
        path: path, place: "tensor \(name)", problem: "no part of the weights has it",
        remedy: "Export the adaptation again.")
    }
    used.insert(name)
    return try checked(scale, shape: [rows], encodings: [.float32, .float16]).values()
  }

  /// Shapes may differ in how trailing dimensions are grouped: [out, in, 3] may come as [out, 3 in].
  private func checked(
    _ tensor: SourceTensor, shape: [Int], encodings: [SourceTensor.Encoding]
  ) throws(ImportError) -> SourceTensor {
    guard tensor.rows == shape.first ?? 1, tensor.columns == shape.dropFirst().reduce(1, *) else {
      throw ImportError(
        path: tensor.file.path, place: "tensor \(tensor.name)",
        problem: "its shape is \(tensor.shape), and the base implies \(shape)",
        remedy: "Export the adaptation again for this base.")
    }
    guard encodings.contains(tensor.encoding) else {
      throw ImportError(
        path: tensor.file.path, place: "tensor \(tensor.name)",
        problem:
          "its type is \(tensor.encoding.rawValue), and only \(encodings.map(\.rawValue).joined(separator: ", ")) can be",
        remedy: "Export the adaptation again.")
    }
    return tensor
  }
}
