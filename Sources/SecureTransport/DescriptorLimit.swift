import Foundation
import Glibc

/// How many files and sockets this process may have open.
public enum DescriptorLimit {
  /// Kept for everything but connections: the model, certificates, logs, the listening socket.
  static let reserve = 64
  private static let most: rlim_t = 65_536

  /// Raises the soft limit as far as the hard one lets it, since shells and service managers start programs with 1024.
  ///
  /// - Returns: The limit now in force.
  @discardableResult
  public static func raise() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    let wanted = min(limit.rlim_max, most)
    if limit.rlim_cur < wanted {
      let old = limit
      limit.rlim_cur = wanted
      if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 { limit = old }
    }
    return Int(min(limit.rlim_cur, rlim_t(Int32.max)))
  }

  /// Connections that fit beside what is open already, at most `wanted`, at least one.
  ///
  /// - Parameters:
  ///   - limit: Descriptors that the process may have.
  ///   - open: Descriptors that it has; nil counts them.
  static func connections(wanted: Int, limit: Int, open: Int? = nil) -> Int {
    let inUse =
      open ?? (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 32
    return max(1, min(wanted, limit - inUse - reserve))
  }
}
