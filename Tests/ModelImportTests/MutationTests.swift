import Foundation
import Testing
import Whisper

@testable import ModelImport

/// Files as a peer, a bad disk or an adversary may hand them over: whatever the bytes, an import ends in a model folder or in an
/// `ImportError`, soon, and without a crash.
@Suite("Mutated files of every format")
struct MutationTests {
  /// Changes bytes, lengths and order; mostly in the front, where the structure is.
  static func mutate(_ data: Data, _ random: inout Seeded) -> Data {
    var bytes = [UInt8](data)
    let front = max(1, min(bytes.count, random.next() % 3 == 0 ? bytes.count : 600))
    func place() -> Int { Int(random.next() % UInt64(max(1, min(front, bytes.count)))) }
    for _ in 0...random.next() % 3 where !bytes.isEmpty {
      let at = place()
      switch random.next() % 8 {
      case 0: bytes[at] ^= 1 << UInt8(random.next() % 8)
      case 1: bytes[at] = UInt8(truncatingIfNeeded: random.next())
      case 2: bytes.removeSubrange(at..<min(bytes.count, at + Int(random.next() % 64)))
      case 3: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 40)], at: at)
      case 4: bytes.removeSubrange(at...)
      case 5:
        let extreme: [UInt32] = [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x0100_0000]
        let value = extreme[Int(random.next() % 6)]
        for i in 0..<4 where at + i < bytes.count {
          bytes[at + i] = UInt8(truncatingIfNeeded: value >> UInt32(8 * i))
        }
      case 6:
        let digits = Array("0123456789-[]{}\",.e".utf8)
        bytes[at] = digits[Int(random.next() % UInt64(digits.count))]
      default:
        let other = place()
        bytes.swapAt(at, other)
      }
    }
    return Data(bytes)
  }

  /// Imports a mutation of each of `files` in turn. Returns how many were refused.
  func run(_ folder: Folder, files: [String], source: String, seeds: Range<UInt64>) throws -> Int {
    let output = try Folder()
    var importer = ModelImporter()
    importer.replaces = true
    var refused = 0
    for name in files {
      let url = URL(fileURLWithPath: folder.path + "/" + name)
      let whole = try Data(contentsOf: url)
      for seed in seeds {
        var random = Seeded(seed &* 7_919 &+ 13)
        try Self.mutate(whole, &random).write(to: url)
        do {
          _ = try importer.run(source: source, output: output.path + "/model")
        } catch {
          refused += 1
          // The message names a file that is there.
          #expect(error.description.contains(folder.path), "seed \(seed) of \(name): \(error)")
          #expect(!error.remedy.isEmpty && error.description.utf8.count < 6_000)
        }
      }
      try whole.write(to: url)
    }
    return refused
  }

  @Test func cTranslate2() throws {
    let folder = try Folder()
    try SmallWhisper(width: 2).writeCTranslate2(folder, storage: .int8)
    let refused = try run(
      folder, files: ["model.bin", "config.json", "tokenizer.json"], source: folder.path,
      seeds: 0..<60)
    #expect(refused > 40)
  }

  @Test func huggingFace() throws {
    let folder = try Folder()
    try SmallWhisper(width: 2).writeHuggingFace(folder)
    let refused = try run(
      folder, files: ["model.safetensors", "config.json", "generation_config.json"],
      source: folder.path, seeds: 0..<60)
    #expect(refused > 40)
  }

  @Test func shards() throws {
    let folder = try Folder()
    try SmallWhisper(width: 2).writeHuggingFace(folder, shards: true)
    let refused = try run(
      folder, files: ["model.safetensors.index.json", "model-00001-of-00002.safetensors"],
      source: folder.path, seeds: 0..<50)
    #expect(refused > 25)
  }

  @Test(arguments: [1, 6]) func ggml(type: Int) throws {
    let folder = try Folder()
    var model = SmallWhisper()
    model.sizes.melBins = 80
    try model.writeGGML(folder, type: type)
    // The filters are skipped: the structure begins again behind them.
    let refused = try run(
      folder, files: ["ggml-small.bin"], source: folder.path + "/ggml-small.bin", seeds: 0..<60)
    #expect(refused > 20)
  }

  @Test func adaptation() throws {
    let (base, folder) = (try Folder(), try Folder())
    let model = SmallWhisper(width: 2)
    try model.writeCTranslate2(base)
    try SmallAdaptation(base: base, width: 2).write(folder)
    let output = try Folder()
    var importer = ModelImporter()
    importer.adaptation = folder.path
    importer.replaces = true
    var refused = 0
    for name in ["adaptation.json", "adaptation.safetensors", "vocabulary.json"] {
      let url = URL(fileURLWithPath: folder.path + "/" + name)
      let whole = try Data(contentsOf: url)
      for seed in UInt64(0)..<60 {
        var random = Seeded(seed &* 104_729 &+ 1)
        try Self.mutate(whole, &random).write(to: url)
        do {
          _ = try importer.run(source: base.path, output: output.path + "/model")
        } catch {
          refused += 1
          #expect(error.description.contains(folder.path) || error.description.contains(base.path))
        }
      }
      try whole.write(to: url)
    }
    #expect(refused > 90)
    _ = try importer.run(source: base.path, output: output.path + "/model")
  }
}
