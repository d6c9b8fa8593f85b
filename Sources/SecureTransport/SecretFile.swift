import Glibc

/// Writing files that must never be half there, lost, or readable by others.
enum SecretFile {
  /// Writes `bytes` to a new file and makes it durable before it gets its name.
  ///
  /// - Parameters:
  ///   - mode: The file's permissions from its first moment on.
  ///   - overwrite: Whether a file of that name may be replaced.
  /// - Throws: ``TLSError`` of kind `file`.
  static func write(_ bytes: [UInt8], to path: String, mode: mode_t, overwrite: Bool) throws {
    let temporary = "\(path).\(getpid()).new"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
    guard descriptor >= 0 else { throw error("be written", path) }
    var isDone = false
    defer { if !isDone { unlink(temporary) } }
    do {
      defer { close(descriptor) }
      // Not what the umask left of it.
      guard fchmod(descriptor, mode) == 0 else { throw error("be protected", path) }
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { throw error("be written", path) }
        rest = rest.dropFirst(count)
      }
      guard fsync(descriptor) == 0 else { throw error("be written", path) }
    }
    if overwrite {
      guard rename(temporary, path) == 0 else { throw error("be replaced", path) }
      isDone = true
    } else {
      // A link, unlike a rename, never replaces what is there.
      guard link(temporary, path) == 0 else {
        throw errno == EEXIST ? alreadyThere(path) : error("be written", path)
      }
    }
  }

  /// - Throws: ``TLSError`` if one of the files exists: asked before any work is done.
  static func checkAbsent(_ paths: [String]) throws {
    for path in paths where access(path, F_OK) == 0 { throw alreadyThere(path) }
  }

  /// Makes the folder, for its owner only, if it is not there.
  static func makeFolder(_ path: String) throws {
    var built = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      built += (built.isEmpty || built == "/" ? "" : "/") + part
      if mkdir(built, 0o700) != 0 && errno != EEXIST { throw error("be made", built) }
    }
  }

  private static func alreadyThere(_ path: String) -> TLSError {
    TLSError(
      .file, "exists already and was not replaced", place: path,
      remedy: "choose another folder or name, or ask for it to be overwritten")
  }

  private static func error(_ action: String, _ path: String) -> TLSError {
    TLSError(
      .file, "cannot \(action): \(String(cString: strerror(errno)))", place: path,
      remedy: "check that the folder exists, is yours and has room")
  }
}
