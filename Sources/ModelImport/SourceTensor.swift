import Foundation
import Tensors

/// A tensor as its file stores it; turned into float32 a few rows at a time.
struct SourceTensor: Sendable {
  enum Encoding: String, Sendable {
    case float32, float16, bfloat16, int8, int16, uint8
    // ggml's blocks of 32 values along a row.
    case q40 = "q4_0"
    case q41 = "q4_1"
    case q50 = "q5_0"
    case q51 = "q5_1"
    case q80 = "q8_0"

    /// Values and bytes of the smallest unit.
    var block: (values: Int, bytes: Int) {
      switch self {
      case .float32: (1, 4)
      case .float16, .bfloat16, .int16: (1, 2)
      case .int8, .uint8: (1, 1)
      case .q40: (32, 18)
      case .q41: (32, 20)
      case .q50: (32, 22)
      case .q51: (32, 24)
      case .q80: (32, 34)
      }
    }
  }

  let name: String
  let shape: [Int]
  let encoding: Encoding
  let file: SourceFile
  let offset: Int
  /// What integers stand for: one scale for each row, or one for all; empty for none.
  var scales: [Float] = []
  /// CTranslate2 divides by its scales; adaptations multiply.
  var scalesDivide = false

  /// Checks that `shape` in `encoding` is what the bytes hold.
  init(
    name: String, shape: [Int], encoding: Encoding, file: SourceFile, range: Range<Int>
  ) throws(ImportError) {
    self.name = name
    self.shape = shape
    self.encoding = encoding
    self.file = file
    offset = range.lowerBound
    let wanted = Self.byteCount(shape: shape, encoding: encoding)
    guard let wanted, wanted == range.count else {
      throw ImportError(
        path: file.path, place: "tensor \(name)",
        problem:
          "shape \(shape) in \(encoding.rawValue) takes \(wanted.map(String.init) ?? "no whole number of") bytes, but the file has \(range.count) for it",
        remedy: ImportError.fetchAgain)
    }
  }

  /// nil for shapes that cannot be: negative, larger than any file, or rows that are not whole blocks.
  static func byteCount(shape: [Int], encoding: Encoding) -> Int? {
    // A size of zero must not hide that the others are absurd.
    var bound = 1
    for size in shape {
      let (product, overflow) = bound.multipliedReportingOverflow(by: max(1, size))
      guard size >= 0, !overflow, product <= 1 << 40 else { return nil }
      bound = product
    }
    let count = shape.contains(0) ? 0 : bound
    let block = encoding.block
    guard block.values == 1 || (shape.count >= 2 && shape[shape.count - 1] % block.values == 0)
    else { return nil }
    return count / block.values * block.bytes
  }

  /// Vectors have a row for each value; others a row for each index of the first dimension.
  var rows: Int { shape.first ?? 1 }
  var columns: Int { shape.dropFirst().reduce(1, *) }

  /// Rows as float32, row-major.
  func read(_ rows: Range<Int>, into out: UnsafeMutableBufferPointer<Float>) {
    let count = rows.count * columns
    precondition(out.count == count && rows.upperBound <= self.rows)
    guard count > 0, let base = out.baseAddress else { return }
    let block = encoding.block
    let start = offset + rows.lowerBound * columns / block.values * block.bytes
    let raw = UnsafeRawBufferPointer(
      rebasing: file.bytes[start..<start + count / block.values * block.bytes])
    switch encoding {
    case .float32: UnsafeMutableRawBufferPointer(out).copyMemory(from: raw)
    case .float16: widenHalves(raw, into: base, as: .float16)
    case .bfloat16: widenHalves(raw, into: base, as: .bfloat16)
    case .int8: for i in 0..<count { base[i] = Float(Int8(bitPattern: raw[i])) }
    case .uint8: for i in 0..<count { base[i] = Float(raw[i]) }
    case .int16:
      for i in 0..<count {
        base[i] = Float(raw.loadUnaligned(fromByteOffset: 2 * i, as: Int16.self))
      }
    case .q40, .q41, .q50, .q51, .q80:
      QuantizedBlocks.read(raw, encoding: encoding, into: out)
    }
    guard !scales.isEmpty else { return }
    for row in 0..<rows.count {
      let scale = scales.count == 1 ? scales[0] : scales[rows.lowerBound + row]
      for i in row * columns..<(row + 1) * columns {
        base[i] = scalesDivide ? base[i] / scale : base[i] * scale
      }
    }
  }

  /// All values; for vectors and other small tensors.
  func values() -> [Float] {
    [Float](unsafeUninitializedCapacity: rows * columns) { buffer, initialized in
      read(0..<rows, into: UnsafeMutableBufferPointer(rebasing: buffer[0..<rows * columns]))
      initialized = rows * columns
    }
  }

  /// Where value `index` lies in the file, for messages.
  func byteOffset(ofValue index: Int) -> Int {
    offset + index / encoding.block.values * encoding.block.bytes
  }
}
