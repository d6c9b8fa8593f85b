import Foundation
import GRDB

/// Makes a log that is not there yet: whole, or not at all.
///
/// It is put together beside its place and then given its name, so that neither a disk that fills up nor the loss of
/// power leaves half of one, and of several first starts at once one makes it and the others find it whole.
enum NewLog {
  /// - Throws: SQLite's or the system's errors; nothing is left behind.
  static func make(path: String) throws {
    guard !FileManager.default.fileExists(atPath: path) else { return }
    let new = "\(path).\(getpid())-\(UInt32.random(in: 0...UInt32.max)).new"
    defer { for suffix in ["", "-wal", "-shm", "-journal"] { unlink(new + suffix) } }
    var configuration = Configuration()
    configuration.label = "new-decision-log"
    let pool = try DatabasePool(path: new, configuration: configuration)
    try Schema.migrator.migrate(pool)
    // Moves what was written into the file itself.
    try pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
    try pool.close()
    let file = open(new, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw failure(new) }
    defer { close(file) }
    guard fsync(file) == 0 else { throw failure(new) }
    // A link, unlike a rename, never replaces what another process has made meanwhile.
    if link(new, path) == 0 || errno == EEXIST { return }
    // File systems without links: two first starts within a moment can only be told apart by looking.
    guard !FileManager.default.fileExists(atPath: path) else { return }
    guard rename(new, path) == 0 else { throw failure(path) }
  }

  private static func failure(_ path: String) -> DatabaseError {
    DatabaseError(
      resultCode: .SQLITE_IOERR, message: "\(path): \(String(cString: strerror(errno)))")
  }
}
