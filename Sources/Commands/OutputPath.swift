import ArgumentParser
import Foundation

/// A file or folder on the command line: a name, and not the empty one, which a variable that is not set becomes and which
/// would mean the root or the working folder.
public struct PathArgument: ExpressibleByArgument, Sendable, CustomStringConvertible {
  public let path: String

  public init?(argument: String) {
    guard !argument.isEmpty else { return nil }
    path = argument
  }

  public init(_ path: String) { self.path = path }

  public var description: String { path }
}

/// Files that a command writes. What can be wrong with the place is found before the work, not after it.
public enum OutputPath {
  /// Whether a file can be written there; leaves nothing behind.
  ///
  /// - Throws: `OutputError.cannotCreate`.
  public static func check(file path: String) throws(OutputError) {
    var status = stat()
    if stat(path, &status) == 0 {
      if status.st_mode & S_IFMT == S_IFDIR { throw failure(path, "it is a folder") }
      // A pipe or a device is written in place.
      if status.st_mode & S_IFMT != S_IFREG {
        guard access(path, W_OK) == 0 else { throw failure(path) }
        return
      }
    }
    // Not by NSString, whose deletingLastPathComponent traps for a name of one letter (Swift 6.3).
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    try check(folder: folder.isEmpty ? "." : folder, for: path)
  }

  /// Makes a folder if it is not there, and checks that files can be written into it.
  ///
  /// - Throws: `OutputError.cannotCreate`.
  public static func make(folder path: String) throws(OutputError) {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw failure(path, "the folder cannot be made (\(reason(error)))")
    }
    try check(folder: path, for: path)
  }

  /// Writes a file whole or not at all.
  ///
  /// - Throws: `OutputError.cannotCreate`.
  public static func write(_ data: Data, to path: String) throws(OutputError) {
    do {
      try data.write(to: URL(fileURLWithPath: path), options: isRegular(path) ? .atomic : [])
    } catch {
      throw failure(path, reason(error))
    }
  }

  private static func isRegular(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG
  }

  /// Tries it, since permissions alone do not tell of read-only file systems and full disks.
  private static func check(folder: String, for path: String) throws(OutputError) {
    let probe = folder + "/.tandem-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    let descriptor = open(probe, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failure(path) }
    close(descriptor)
    unlink(probe)
  }

  private static func failure(_ path: String, _ reason: String? = nil) -> OutputError {
    .cannotCreate(path: path, reason: reason ?? String(cString: strerror(errno)))
  }

  private static func reason(_ error: any Error) -> String {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    if let underlying, underlying.domain == NSPOSIXErrorDomain {
      return String(cString: strerror(Int32(underlying.code)))
    }
    return error.localizedDescription
  }
}
