import Foundation
import Testing

@testable import Tensors

@Suite("Safetensors: bad files are named, never trusted")
struct SafetensorsTests {
  /// Writes header and data into a new file and returns its path.
  func write(_ header: String, _ data: [UInt8], headerLength: UInt64? = nil) throws -> String {
    let path = NSTemporaryDirectory() + UUID().uuidString + ".safetensors"
    var bytes = Data()
    withUnsafeBytes(of: (headerLength ?? UInt64(header.utf8.count)).littleEndian) {
      bytes.append(contentsOf: $0)
    }
    bytes.append(contentsOf: header.utf8)
    bytes.append(contentsOf: data)
    try bytes.write(to: URL(fileURLWithPath: path))
    return path
  }

  func floats(_ values: [Float]) -> [UInt8] {
    values.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) }
  }

  @Test func readsAllThreeTypes() throws {
    // An odd header length leaves the floats unaligned; they must still be right.
    for padding in ["", " ", "  ", "   "] {
      let path = try write(
        #"{"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[2],"data_offsets":[8,12]},"c":{"dtype":"BF16","shape":[1],"data_offsets":[12,14]},"__metadata__":{"x":"y"}}"#
          + padding,
        floats([1.5, -2]) + [0x00, 0x3c, 0x00, 0xc0] + [0x80, 0x3f])
      defer { try? FileManager.default.removeItem(atPath: path) }
      let file = try SafetensorsFile(path: path)
      #expect(file.tensorNames == ["a", "b", "c"])
      #expect(try file.tensor("a", shape: [2, 1]).array == [1.5, -2])
      #expect(try file.tensor("b", shape: [2]).array == [1, -2])
      #expect(try file.tensor("c", shape: [1]).array == [1])
    }
  }

  @Test func readsIntegersAsTheyAre() throws {
    let path = try write(
      #"{"a":{"dtype":"I8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}}"#,
      [0x80, 0xff, 0x7f, 0x00, 0xff])
    defer { try? FileManager.default.removeItem(atPath: path) }
    let file = try SafetensorsFile(path: path)
    #expect(try file.tensor("a", shape: [3]).array == [-128, -1, 127])
    #expect(try file.tensor("b", shape: [2]).array == [0, 255])
    #expect(file.entry(of: "b")?.range.count == 2)
  }

  @Test func namesMissingMisshapenAndNonFinite() throws {
    let path = try write(
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, floats([1, .nan]))
    defer { try? FileManager.default.removeItem(atPath: path) }
    let file = try SafetensorsFile(path: path)
    #expect(throws: SafetensorsError.missing(path: path, tensor: "b")) {
      try file.tensor("b", shape: [2])
    }
    #expect(throws: SafetensorsError.misshapen(path: path, tensor: "a", expected: [3], found: [2]))
    { try file.tensor("a", shape: [3]) }
    #expect(throws: SafetensorsError.nonFinite(path: path, tensor: "a")) {
      try file.tensor("a", shape: [2])
    }
  }

  @Test func refusesDamagedFiles() throws {
    let good = #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#
    let cases: [(String, [UInt8], UInt64?)] = [
      (good, floats([1]), nil),
      ("not json", [], nil),
      ("[]", [], nil),
      (good, [], 1 << 40),
      (good, [], .max),
      (#"{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}"#, floats([1, 2]), nil),
      (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}}"#, floats([1, 2]), nil),
      (#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, floats([1, 2]), nil),
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, floats([1, 2]), nil),
      (
        #"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}"#,
        floats([1, 2]), nil
      ),
      (#"{"a":{"dtype":"F32","data_offsets":[0,8]}}"#, floats([1, 2]), nil),
    ]
    for (header, data, length) in cases {
      let path = try write(header, data, headerLength: length)
      defer { try? FileManager.default.removeItem(atPath: path) }
      #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
    }
    #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: "/nowhere/at/all") }
    #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: "/tmp") }
  }

  @Test("Damage to a good file is a named error or a whole, finite tensor")
  func fuzz() throws {
    let header = #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#
    let original = try Data(contentsOf: URL(fileURLWithPath: write(header, floats([1, 2]))))
    let path = NSTemporaryDirectory() + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: path) }
    var (read, refused) = (0, 0)
    for seed in 0..<1_000 as Range<UInt64> {
      var random = SplitMix(state: seed)
      var bytes = original
      // Every other time the header stays whole, so that tensors are read as well.
      let damaged = seed % 2 == 0 ? 0..<bytes.count : bytes.count - 8..<bytes.count
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: damaged, using: &random)] = .random(in: 0...255, using: &random)
      }
      if Bool.random(using: &random) {
        bytes = bytes.prefix(Int.random(in: 0...bytes.count, using: &random))
      }
      try bytes.write(to: URL(fileURLWithPath: path))
      do throws(SafetensorsError) {
        let file = try SafetensorsFile(path: path)
        for name in file.tensorNames {
          let tensor = try file.tensor(name)
          #expect(tensor.count == tensor.shape.reduce(1, *), "seed \(seed)")
          #expect(tensor.count <= bytes.count - 8, "seed \(seed)")
          let isFinite = tensor.array.allSatisfy { $0.isFinite }
          #expect(isFinite, "seed \(seed)")
          read += 1
        }
      } catch {
        #expect(error.description.contains(path), "seed \(seed)")
        refused += 1
      }
    }
    // Both ways out were taken, and often.
    #expect(read > 50)
    #expect(refused > 50)
  }

  /// Sebastiano Vigna's SplitMix64: the same numbers for the same seed.
  private struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }
}
