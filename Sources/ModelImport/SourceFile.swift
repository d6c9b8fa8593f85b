import Basics
import Foundation
import Tensors

/// A file with weights, mapped read-only.
final class SourceFile: Sendable {
  let path: String
  private let mapping: MappedFile
  var bytes: UnsafeRawBufferPointer { mapping.bytes }

  init(path: String) throws(ImportError) {
    self.path = path
    do {
      mapping = try MappedFile(path: path)
    } catch {
      switch error {
      case .truncated:
        throw ImportError(path: path, problem: "it is empty", remedy: ImportError.fetchAgain)
      case .unreadable(_, let reason):
        throw ImportError(
          path: path, problem: "it cannot be read: \(reason)",
          remedy: "Check the path and the permissions.")
      default:
        throw ImportError(
          path: path, problem: "it cannot be read", remedy: ImportError.fetchAgain)
      }
    }
  }

  /// SHA-256 of the whole file in hexadecimal.
  var digest: String {
    var hash = SHA256()
    var start = 0
    while start < bytes.count {
      let end = min(start + (8 << 20), bytes.count)
      hash.update(with: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
      start = end
    }
    return hash.finalize().hexadecimal
  }

  /// Reads a small text file whole, at most `limit` bytes.
  static func contents(_ path: String, limit: Int = 64 << 20) throws(ImportError) -> Data {
    let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size]) as? Int
    guard let size else {
      throw ImportError(
        path: path, problem: "it is missing",
        remedy: "Fetch all files of the model into one folder.")
    }
    guard size <= limit else {
      throw ImportError(
        path: path, problem: "it has \(size) bytes; at most \(limit) are read",
        remedy: "Check that this is the file of a Whisper model.")
    }
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: path)) else {
      throw ImportError(
        path: path, problem: "it cannot be read",
        remedy: "Check that it is a file, and its permissions.")
    }
    return data
  }

  static func json(_ path: String) throws(ImportError) -> [String: Any] {
    let data = try contents(path)
    guard let object = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] else {
      throw ImportError(
        path: path, problem: "it is not a JSON object", remedy: ImportError.fetchAgain)
    }
    return object
  }
}

/// Reads a binary file from the front, little-endian; every length is held against what is left before it is used.
struct ByteReader {
  let file: SourceFile
  private(set) var offset = 0

  init(_ file: SourceFile) { self.file = file }

  var remaining: Int { file.bytes.count - offset }

  /// The next `count` bytes' place; `what` is for the message.
  mutating func take(_ count: Int, _ what: String) throws(ImportError) -> Range<Int> {
    guard count >= 0, count <= remaining else {
      throw ImportError(
        path: file.path, place: "byte \(offset)",
        problem: "\(what) wants \(count) bytes, and \(remaining) are left",
        remedy: ImportError.fetchAgain)
    }
    defer { offset += count }
    return offset..<offset + count
  }

  mutating func integer<T: FixedWidthInteger>(_: T.Type, _ what: String) throws(ImportError) -> T {
    let range = try take(MemoryLayout<T>.size, what)
    return T(littleEndian: file.bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: T.self))
  }

  mutating func uint8(_ what: String) throws(ImportError) -> Int {
    Int(try integer(UInt8.self, what))
  }
  mutating func uint16(_ what: String) throws(ImportError) -> Int {
    Int(try integer(UInt16.self, what))
  }
  mutating func uint32(_ what: String) throws(ImportError) -> Int {
    Int(try integer(UInt32.self, what))
  }
  mutating func int32(_ what: String) throws(ImportError) -> Int {
    Int(try integer(Int32.self, what))
  }

  mutating func string(_ count: Int, _ what: String) throws(ImportError) -> String {
    String(decoding: file.bytes[try take(count, what)], as: UTF8.self)
  }
}
