import Foundation

/// Finds recordings that are not part of the repository: the folder `shared` beside it, or where the
/// environment variable `TANDEM_SHARED` points.
public enum TraceLibrary {
  /// The folder `shared`, nil where there is none.
  /// - Parameter start: where to begin to search upwards.
  public static func sharedFolder(
    from start: String = FileManager.default.currentDirectoryPath,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> String? {
    func isFolder(_ path: String) -> Bool {
      var folder: ObjCBool = false
      return FileManager.default.fileExists(atPath: path, isDirectory: &folder) && folder.boolValue
    }
    if let named = environment["TANDEM_SHARED"] { return isFolder(named) ? named : nil }
    var folder = URL(fileURLWithPath: start).standardizedFileURL
    while true {
      let candidate = folder.appendingPathComponent("shared").path
      if isFolder(candidate + "/traces") { return candidate }
      let parent = folder.deletingLastPathComponent().standardizedFileURL
      if parent.path == folder.path { return nil }
      folder = parent
    }
  }

  /// Reads one recording; the reader is chosen by the name: `.mahi` or anything else.
  /// - Throws: `TraceError`.
  public static func read(path: String) throws(TraceError) -> RateTrace {
    path.hasSuffix(".mahi")
      ? try PacketOpportunityReader.read(path: path) : try RateTraceReader.read(path: path)
  }

  /// Files in `folder` whose names contain `part`, in alphabetical order.
  /// - Throws: `TraceError.unreadable` where the folder cannot be listed.
  public static func files(in folder: String, containing part: String = "") throws(TraceError)
    -> [String]
  {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: folder)
    } catch {
      throw .unreadable(path: folder, reason: "the folder cannot be listed")
    }
    return
      names
      .filter {
        ($0.hasSuffix(".txt") || $0.hasSuffix(".mahi")) && (part.isEmpty || $0.contains(part))
      }
      .sorted().map { folder + "/" + $0 }
  }
}
