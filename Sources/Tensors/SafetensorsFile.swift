import Foundation
import Kernels

/// A safetensors file, mapped into memory.
///
/// Format: 8 bytes little-endian header length, a JSON header, then the data
/// (https://github.com/huggingface/safetensors). F32 tensors are used where they
/// lie; F16 and BF16 are widened when first asked for.
public final class SafetensorsFile: Sendable {
  public let path: String
  private let mapping: MappedFile
  private let entries: [String: Entry]
  private let dataOffset: Int

  /// A header longer than this is refused: ours are a few kilobytes.
  public static let maximumHeaderBytes = 16 << 20

  package struct Entry: Sendable {
    package var type: ElementType
    package var shape: [Int]
    /// The tensor's bytes in the file.
    package var range: Range<Int>
  }

  package enum ElementType: String, Sendable {
    case float32 = "F32"
    case float16 = "F16"
    case bfloat16 = "BF16"
    // Only where scales stand beside them: adaptations of public weights.
    case int8 = "I8"
    case uint8 = "U8"
    var bytes: Int {
      switch self {
      case .float32: 4
      case .float16, .bfloat16: 2
      case .int8, .uint8: 1
      }
    }
  }

  /// Maps `path` and checks the whole header: types, shapes, offsets, length.
  public init(path: String) throws(SafetensorsError) {
    self.path = path
    mapping = try MappedFile(path: path)
    let bytes = mapping.bytes
    guard bytes.count >= 8 else {
      throw .truncated(path: path, bytes: bytes.count, needed: 8)
    }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= UInt64(Self.maximumHeaderBytes) else {
      throw .badHeader(path: path, reason: "its header claims \(length) bytes")
    }
    dataOffset = 8 + Int(length)
    guard bytes.count >= dataOffset else {
      throw .truncated(path: path, bytes: bytes.count, needed: dataOffset)
    }
    let header: Any
    do {
      header = try JSONSerialization.jsonObject(with: Data(bytes[8..<dataOffset]))
    } catch {
      throw .badHeader(path: path, reason: "it is not JSON")
    }
    guard let table = header as? [String: Any] else {
      throw .badHeader(path: path, reason: "it is not an object")
    }
    var entries: [String: Entry] = [:]
    for (name, value) in table where name != "__metadata__" {
      entries[name] = try Self.entry(
        name: name, value: value, path: path, dataOffset: dataOffset, fileBytes: bytes.count)
    }
    self.entries = entries
  }

  private static func entry(
    name: String, value: Any, path: String, dataOffset: Int, fileBytes: Int
  ) throws(SafetensorsError) -> Entry {
    guard let fields = value as? [String: Any], let typeName = fields["dtype"] as? String,
      let shape = fields["shape"] as? [Int], let offsets = fields["data_offsets"] as? [Int]
    else {
      throw .badHeader(path: path, reason: "tensor \(name) lacks dtype, shape or data_offsets")
    }
    guard let type = ElementType(rawValue: typeName) else {
      throw .badHeader(
        path: path,
        reason: "tensor \(name) has type \(typeName); F32, F16, BF16, I8 and U8 are read")
    }
    var count = 1
    for size in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard size >= 0, !overflow, product <= 1 << 40 else {
        throw .badHeader(path: path, reason: "tensor \(name) has the impossible shape \(shape)")
      }
      count = product
    }
    guard offsets.count == 2, offsets[0] >= 0, offsets[1] >= offsets[0],
      offsets[1] <= 1 << 50, offsets[1] - offsets[0] == count * type.bytes
    else {
      throw .badHeader(
        path: path, reason: "tensor \(name)'s offsets \(offsets) do not fit its shape \(shape)")
    }
    let range = (dataOffset + offsets[0])..<(dataOffset + offsets[1])
    guard range.upperBound <= fileBytes else {
      throw .truncated(path: path, bytes: fileBytes, needed: range.upperBound)
    }
    return Entry(type: type, shape: shape, range: range)
  }

  public var tensorNames: [String] { entries.keys.sorted() }

  /// How and where the file stores a tensor.
  package func entry(of name: String) -> Entry? { entries[name] }

  public func shape(of name: String) -> [Int]? { entries[name]?.shape }

  /// The tensor `name`, which must have exactly `shape` and finite values.
  public func tensor(_ name: String, shape: [Int]) throws(SafetensorsError) -> Tensor {
    guard let entry = entries[name] else { throw .missing(path: path, tensor: name) }
    guard entry.shape == shape else {
      throw .misshapen(path: path, tensor: name, expected: shape, found: entry.shape)
    }
    return try load(name, entry)
  }

  /// The tensor `name` in whatever shape the file gives it.
  public func tensor(_ name: String) throws(SafetensorsError) -> Tensor {
    guard let entry = entries[name] else { throw .missing(path: path, tensor: name) }
    return try load(name, entry)
  }

  private func load(_ name: String, _ entry: Entry) throws(SafetensorsError) -> Tensor {
    let raw = UnsafeRawBufferPointer(rebasing: mapping.bytes[entry.range])
    let count = entry.range.count / entry.type.bytes
    let tensor: Tensor
    let aligned = raw.baseAddress.map { Int(bitPattern: $0) % MemoryLayout<Float>.alignment == 0 }
    switch entry.type {
    case .float32 where aligned == true && count > 0:
      tensor = Tensor(
        shape: entry.shape, values: raw.bindMemory(to: Float.self), owner: mapping)
    case .float32:
      tensor = Tensor(shape: entry.shape) {
        UnsafeMutableRawBufferPointer($0).copyMemory(from: raw)
      }
    case .float16, .bfloat16:
      tensor = Tensor(shape: entry.shape) { out in
        guard let base = out.baseAddress else { return }
        widenHalves(raw, into: base, as: entry.type == .float16 ? .float16 : .bfloat16)
      }
    case .int8, .uint8:
      tensor = Tensor(shape: entry.shape) { out in
        for i in 0..<count {
          out[i] = entry.type == .int8 ? Float(Int8(bitPattern: raw[i])) : Float(raw[i])
        }
      }
    }
    guard count == 0 || tandem_all_finite(tensor.pointer, count) else {
      throw .nonFinite(path: path, tensor: name)
    }
    return tensor
  }
}
