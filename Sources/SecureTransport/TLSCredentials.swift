import COpenSSL
public import Foundation
import Glibc
import Synchronization

/// One end's certificate, key and authority, read again whenever the files change.
///
/// Every new connection asks for ``context()``, so a renewed certificate is in force without a restart. Files
/// that cannot be used replace nothing: what was read before stays in force as long as it is valid.
public final class TLSCredentials: Sendable {
  public let role: TLSContext.Role
  public let options: TLSOptions
  /// Days before a certificate ends from which on its owner is warned.
  public static let warningDays = 30

  private let tell: @Sendable (String) -> Void
  private let state = Mutex(State())

  /// What changes when a file is replaced or written to.
  private struct FileStamp: Equatable {
    var device: UInt64 = 0
    var inode: UInt64 = 0
    var size: Int64 = 0
    var seconds: Int = 0
    var nanoseconds: Int = 0
    /// Why the file cannot be looked at; 0: it can.
    var code: Int32 = 0

    init(path: String?) {
      guard let path else { return }
      var status = stat()
      guard stat(path, &status) == 0 else {
        code = errno
        return
      }
      device = UInt64(status.st_dev)
      inode = UInt64(status.st_ino)
      size = Int64(status.st_size)
      seconds = status.st_mtim.tv_sec
      nanoseconds = status.st_mtim.tv_nsec
      // Permissions decide whether it can be read.
      code = access(path, R_OK) == 0 ? 0 : errno
    }
  }

  private struct State {
    var context: TLSContext?
    var stamps: [FileStamp] = []
    /// What was said last of files that cannot be used.
    var problem: String?
    var warnedAt: Date?
  }

  /// Reads nothing yet.
  ///
  /// - Parameter tell: Called with every sentence that the owner should read and that no error says: a
  ///   certificate that ends soon, a renewal, new files that cannot be used.
  public init(
    _ role: TLSContext.Role, _ options: TLSOptions,
    tell: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.role = role
    self.options = options
    self.tell = tell
  }

  /// One context for good, whatever becomes of its files.
  public init(_ context: TLSContext) {
    role = context.role
    options = context.options
    tell = { _ in }
    state.withLock {
      $0.context = context
      $0.stamps = stamps()
    }
  }

  /// The context in force.
  ///
  /// - Parameter now: For tests.
  /// - Throws: ``TLSError`` when there is none: the files cannot be used, or, for a client, its certificate
  ///   is not valid now.
  public func context(at now: Date = Date()) throws -> TLSContext {
    var sentences: [String] = []
    defer { for sentence in sentences { tell(sentence) } }
    return try state.withLock { state in
      let found = stamps()
      if found != state.stamps || state.context == nil {
        state.stamps = found
        do {
          let isRenewal = state.context != nil
          let context = try TLSContext(role, options)
          state.context = context
          state.problem = nil
          state.warnedAt = nil
          if isRenewal {
            sentences.append("certificates were read again from \(place)" + Self.until(context))
          }
        } catch {
          guard state.context != nil else { throw error }
          if state.problem != "\(error)" {
            state.problem = "\(error)"
            sentences.append("\(error); what was read before stays in force")
          }
        }
      }
      guard let context = state.context else { preconditionFailure("neither read nor refused") }
      if let sentence = warning(context, now, &state) { sentences.append(sentence) }
      // A server goes on: its clients may see it otherwise, and it will be renewed.
      if role == .client { try context.checkValidity() }
      return context
    }
  }

  /// Once a day: the certificate ends within ``warningDays``, or has ended.
  private func warning(_ context: TLSContext, _ now: Date, _ state: inout State) -> String? {
    guard let end = context.validUntil, let identity = context.ownIdentity else { return nil }
    let days = Int((end.timeIntervalSince(now) / 86_400).rounded(.down))
    guard days < Self.warningDays else { return nil }
    // A client whose certificate has ended is told so by the error.
    if role == .client, end <= now { return nil }
    if let last = state.warnedAt, abs(now.timeIntervalSince(last)) < 86_400 { return nil }
    state.warnedAt = now
    return "\(place): the certificate CN=\(identity.commonName) "
      + (end <= now ? "has ended" : days < 1 ? "ends within a day" : "ends in \(days) days")
      + "; issue a new one with 'tandem-edge certificates issue' into the same files: it is read without a restart"
  }

  private var place: String { options.certificateChainPath ?? options.trustRootsPath ?? "TLS" }

  private static func until(_ context: TLSContext) -> String {
    context.validUntil.map { "; valid until \($0.formatted(.iso8601))" } ?? ""
  }

  private func stamps() -> [FileStamp] {
    [options.certificateChainPath, options.privateKeyPath, options.trustRootsPath].map {
      FileStamp(path: $0)
    }
  }
}
