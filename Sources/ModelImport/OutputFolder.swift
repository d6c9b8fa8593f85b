import Foundation

/// A folder that appears whole or not at all: it is filled beside its place and renamed.
enum OutputFolder {
  enum Outcome: Sendable { case written, alreadyThere }

  /// - Parameters:
  ///   - isSame: whether a folder that is there already is what `fill` just made.
  ///   - replacing: whether another folder in its place may be removed.
  static func write(
    _ path: String, replacing: Bool, fill: (String) throws(ImportError) -> Void,
    isSame: (_ existing: String, _ new: String) -> Bool
  ) throws(ImportError) -> Outcome {
    let url = URL(fileURLWithPath: path).standardizedFileURL
    let parent = url.deletingLastPathComponent().path
    let prefix = ".\(url.lastPathComponent).import-"
    do {
      try FileManager.default.createDirectory(
        atPath: parent, withIntermediateDirectories: true)
    } catch {
      throw OutputFile.failure(parent)
    }
    removeAbandoned(parent, prefix: prefix)
    let staging = "\(parent)/\(prefix)\(UUID().uuidString)"
    guard mkdir(staging, 0o755) == 0 else { throw OutputFile.failure(staging) }
    var isKept = false
    defer { if !isKept { try? FileManager.default.removeItem(atPath: staging) } }
    try fill(staging)
    // rename(2) puts a folder only in the place of nothing or of an empty one: of two imports at once, one wins.
    if rename(staging, url.path) == 0 {
      isKept = true
      synchronize(parent)
      return .written
    }
    guard errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR else {
      throw OutputFile.failure(path)
    }
    if isSame(url.path, staging) { return .alreadyThere }
    guard replacing else {
      throw ImportError(
        path: path, problem: "something else is there already",
        remedy: "Give another --output, or --replace.")
    }
    let old = "\(parent)/\(prefix)\(UUID().uuidString)"
    guard rename(url.path, old) == 0, rename(staging, url.path) == 0 else {
      throw OutputFile.failure(path)
    }
    isKept = true
    synchronize(parent)
    try? FileManager.default.removeItem(atPath: old)
    return .written
  }

  /// What a killed import left behind an hour ago or earlier.
  private static func removeAbandoned(_ parent: String, prefix: String) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
    for name in names where name.hasPrefix(prefix) {
      let path = parent + "/" + name
      let date =
        (try? FileManager.default.attributesOfItem(atPath: path)[.modificationDate]) as? Date
      if let date, date.timeIntervalSinceNow < -3_600 {
        try? FileManager.default.removeItem(atPath: path)
      }
    }
  }

  private static func synchronize(_ folder: String) {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }
}
