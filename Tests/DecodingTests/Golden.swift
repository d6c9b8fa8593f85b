import Conformer
import Decoding
import Foundation

/// The frozen files of Tests/ConformerTests/Golden.
enum Golden {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("ConformerTests/Golden").path

  static func languageModelBytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/language/\(name).ngrams")))
  }

  static func languageModel(_ name: String) throws -> LanguageModel {
    try LanguageModel(path: "\(folder)/language/\(name).ngrams")
  }

  /// A tiny model with weights from a seed.
  static func model(_ name: String) throws -> Model {
    try Model.load(directory: "\(folder)/\(name)", parts: .edge)
  }

  /// What the tiny model's second encoder makes of noise.
  static func secondPass(_ model: Model, frames: Int, seed: UInt64) throws -> SecondPass {
    var generator = SeededGenerator(seed: seed)
    return try model.secondPass(
      (0..<(frames * model.dimension)).map { _ in Float.random(in: -2...2, using: &generator) })
  }

  /// A copy of a tiny model's folder that may be changed; the caller removes it.
  static func copy(_ name: String) throws -> String {
    let path = NSTemporaryDirectory() + "tandem-decoding-\(UUID().uuidString)"
    try FileManager.default.copyItem(atPath: "\(folder)/\(name)", toPath: path)
    return path
  }
}

/// A small generator with a seed (Steele et al. 2014), so that a failure can be had again.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
