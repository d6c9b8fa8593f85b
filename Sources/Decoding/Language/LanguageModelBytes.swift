import Tensors

/// Where a language model's bytes lie: a mapped file, or a copy that tests and fuzzers hand in.
// @unchecked Sendable holds because the bytes are never written after `init` and live as long as the object.
final class LanguageModelBytes: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer
  private let file: MappedFile?
  private let copy: UnsafeMutableRawBufferPointer?

  init(path: String) throws(LanguageModelError) {
    do {
      let file = try MappedFile(path: path)
      self.file = file
      copy = nil
      bytes = file.bytes
    } catch {
      guard case .unreadable(_, let reason) = error else {
        throw .malformed(path: path, reason: "it is empty")
      }
      throw .unreadable(path: path, reason: reason)
    }
  }

  init(copying content: [UInt8]) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: content.count, alignment: 8)
    copy.copyBytes(from: content)
    self.copy = copy
    file = nil
    bytes = UnsafeRawBufferPointer(copy)
  }

  deinit { copy?.deallocate() }
}
