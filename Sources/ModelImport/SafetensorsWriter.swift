import Basics
import Foundation
import Tensors

/// Writes a safetensors file a block of rows at a time, so that memory does not grow with the model.
enum SafetensorsWriter {
  /// - Returns: the file's SHA-256.
  /// - Throws: `ImportError` for values that are not finite or do not fit, and for a full disk.
  static func write(
    _ tensors: [OutputTensor], precision: WeightPrecision, to path: String
  ) throws(ImportError) -> String {
    var output = try OutputFile(path: path)
    do {
      try output.write(header(tensors, precision: precision))
      for tensor in tensors { try write(tensor, precision: precision, to: &output) }
      return try output.close()
    } catch {
      output.abandon()
      throw error
    }
  }

  private static func header(_ tensors: [OutputTensor], precision: WeightPrecision) -> [UInt8] {
    var offset = 0
    var entries: [String: Any] = ["__metadata__": ["format": "pt"]]
    for tensor in tensors {
      let bytes = tensor.rows * tensor.columns * (precision == .float16 ? 2 : 4)
      entries[tensor.name] = [
        "dtype": precision == .float16 ? "F16" : "F32", "shape": tensor.shape,
        "data_offsets": [offset, offset + bytes],
      ]
      offset += bytes
    }
    // Strings and whole numbers: nothing that could fail.
    var json = Array(
      try! JSONSerialization.data(withJSONObject: entries, options: [.sortedKeys]))
    while json.count % 8 != 0 { json.append(UInt8(ascii: " ")) }
    return withUnsafeBytes(of: UInt64(json.count).littleEndian, Array.init) + json
  }

  private static func write(
    _ tensor: OutputTensor, precision: WeightPrecision, to output: inout OutputFile
  ) throws(ImportError) {
    let columns = tensor.columns
    for rows in rowBlocks(tensor.rows, columns: columns) {
      let count = rows.count * columns
      let floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: 2 * count)
      defer { floats.deallocate() }
      let values = UnsafeMutableBufferPointer(rebasing: floats[..<count])
      tensor.read(
        rows, into: values, scratch: UnsafeMutableBufferPointer(rebasing: floats[count...]))
      guard let base = values.baseAddress else { continue }
      let largest: Float = precision == .float16 ? 65_519 : .greatestFiniteMagnitude
      if let index = values.firstIndex(where: { !(abs($0) <= largest) }) {
        throw tensor.problem(
          at: rows.lowerBound * columns + index, value: values[index], precision: precision)
      }
      if precision == .float32 {
        try output.write(UnsafeRawBufferPointer(values))
      } else {
        let halves = UnsafeMutableBufferPointer<UInt16>.allocate(capacity: count)
        defer { halves.deallocate() }
        narrowToHalves(base, into: halves.baseAddress!, count: count)
        try output.write(UnsafeRawBufferPointer(halves))
      }
    }
  }
}

/// A new file whose every write is checked, and whose digest is known when it is closed.
struct OutputFile {
  let path: String
  private let descriptor: Int32
  private var hash = SHA256()

  init(path: String) throws(ImportError) {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Self.failure(path) }
  }

  mutating func write(_ bytes: [UInt8]) throws(ImportError) {
    let buffer = bytes
    var failure: ImportError?
    buffer.withUnsafeBytes { raw in
      do { try write(raw) } catch { failure = error as? ImportError }
    }
    if let failure { throw failure }
  }

  mutating func write(_ bytes: UnsafeRawBufferPointer) throws(ImportError) {
    guard let base = bytes.baseAddress else { return }
    hash.update(with: bytes)
    var done = 0
    while done < bytes.count {
      let count = Foundation.write(descriptor, base + done, bytes.count - done)
      if count < 0 {
        if errno == EINTR { continue }
        throw Self.failure(path)
      }
      done += count
    }
  }

  /// On the disk before anything is renamed to point at it.
  mutating func close() throws(ImportError) -> String {
    guard fsync(descriptor) == 0 else {
      let error = Self.failure(path)
      _ = Foundation.close(descriptor)
      throw error
    }
    guard Foundation.close(descriptor) == 0 else { throw Self.failure(path) }
    return hash.finalize().hexadecimal
  }

  func abandon() { unlink(path) }

  static func failure(_ path: String) -> ImportError {
    ImportError(
      path: path, problem: "it cannot be written: \(String(cString: strerror(errno)))",
      remedy: "Check the folder's permissions and the space on its disk.")
  }
}
