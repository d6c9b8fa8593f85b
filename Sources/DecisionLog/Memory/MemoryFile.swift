import Foundation

/// A small file that is replaced whole or not at all, and belongs to one process at a time.
///
/// Written beside itself, forced to the disk and renamed: after the loss of power there is the old content or the
/// new, never a mixture. The lock is the kernel's, so a process that is killed leaves none behind.
final class MemoryFile: Sendable {
  let path: String
  private let folder: String
  private let lock: Int32

  /// More than any policy remembers.
  static let largest = 1 << 20

  /// - Throws: `MemoryProblem`.
  init(folder: String, name: String) throws(MemoryProblem) {
    self.folder = folder
    path = folder + "/" + name + ".memory"
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw .system(call: "making the folder", path: folder, reason: error.localizedDescription)
    }
    let lockPath = folder + "/" + name + ".lock"
    lock = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard lock >= 0 else { throw Self.failure("opening", lockPath) }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      close(lock)
      if code == EWOULDBLOCK { throw .inUse }
      throw Self.failure("locking", lockPath, code)
    }
  }

  deinit { close(lock) }

  /// nil: there is no such file yet.
  /// - Throws: `MemoryProblem`.
  func read() throws(MemoryProblem) -> Data? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
      if errno == ENOENT { return nil }
      throw Self.failure("opening", path)
    }
    defer { close(file) }
    var data = Data()
    var block = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = Foundation.read(file, &block, block.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Self.failure("reading", path) }
      guard count > 0 else { return data }
      data.append(contentsOf: block[..<count])
      guard data.count <= Self.largest else {
        throw .damaged("it is longer than \(Self.largest) bytes")
      }
    }
  }

  /// Returns once `data` is on the disk.
  /// - Throws: `MemoryProblem`; the old content is then still there.
  func write(_ data: Data) throws(MemoryProblem) {
    let new = path + ".new"
    let file = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Self.failure("opening", new) }
    var isOpen = true
    defer {
      if isOpen { close(file) }
      // After a rename there is nothing by this name; after a failure it takes room on a disk that is perhaps full.
      unlink(new)
    }
    var written = 0
    while written < data.count {
      let count = data.withUnsafeBytes { bytes in
        Foundation.write(file, bytes.baseAddress! + written, data.count - written)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Self.failure("writing", new) }
      written += count
    }
    guard fsync(file) == 0 else { throw Self.failure("writing", new) }
    isOpen = false
    guard close(file) == 0 else { throw Self.failure("closing", new) }
    guard rename(new, path) == 0 else { throw Self.failure("renaming", new) }
    // The name, too, must survive the loss of power.
    let directory = open(folder, O_RDONLY | O_CLOEXEC)
    guard directory >= 0 else { throw Self.failure("opening", folder) }
    defer { close(directory) }
    guard fsync(directory) == 0 else { throw Self.failure("writing", folder) }
  }

  /// Keeps a copy of what cannot be used, for whoever wants to look at it: the name is the file's with `.unused`.
  func setAside() {
    try? FileManager.default.removeItem(atPath: path + ".unused")
    try? FileManager.default.copyItem(atPath: path, toPath: path + ".unused")
  }

  private static func failure(_ call: String, _ path: String, _ code: Int32 = errno)
    -> MemoryProblem
  {
    .system(call: call, path: path, reason: String(cString: strerror(code)))
  }
}
