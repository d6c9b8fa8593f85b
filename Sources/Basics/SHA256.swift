internal import COpenSSL

/// SHA-256 (FIPS 180-4), computed by OpenSSL's libcrypto.
///
/// ```swift
/// SHA256.hash(of: bytes)       // all at once: 32 bytes
/// var digest = SHA256()        // or as the bytes arrive
/// digest.update(with: header)
/// digest.update(with: payload)
/// digest.finalize()            // the same 32 bytes
/// ```
///
/// A value: a copy goes on by itself, and what is added to it leaves the original as it was.
public struct SHA256: Sendable {
  /// Length of a digest in bytes.
  public static let byteCount = 32

  private var state: State

  public init() { state = State() }

  /// The digest of bytes that are all there, 32 bytes. Contiguous storage (an array, `Data`, also a mapped file) is
  /// read where it lies.
  public static func hash(of bytes: some Collection<UInt8>) -> [UInt8] {
    var digest = SHA256()
    digest.update(with: bytes)
    return digest.finalize()
  }

  /// Appends bytes to the message. However the message is cut into calls, the digest is the same.
  public mutating func update(with bytes: some Collection<UInt8>) {
    if !isKnownUniquelyReferenced(&state) { state = State(copying: state) }
    if bytes.withContiguousStorageIfAvailable({ state.update(with: UnsafeRawBufferPointer($0)) })
      == nil
    {
      Array(bytes).withUnsafeBytes { state.update(with: $0) }
    }
  }

  /// The digest of the message so far, 32 bytes. More can be appended after it.
  public func finalize() -> [UInt8] { State(copying: state).finish() }

  /// Owns libcrypto's context.
  ///
  /// `@unchecked Sendable` holds because nothing changes a state that two values share: `SHA256` copies it first, before
  /// it appends and before it finishes. Reading one from several threads, which is what copying does, is safe.
  private final class State: @unchecked Sendable {
    private let context: OpaquePointer

    init() {
      context = Self.allocate()
      Self.check(EVP_DigestInit_ex(context, EVP_sha256(), nil))
    }

    init(copying other: State) {
      context = Self.allocate()
      Self.check(EVP_MD_CTX_copy_ex(context, other.context))
    }

    deinit { EVP_MD_CTX_free(context) }

    func update(with bytes: UnsafeRawBufferPointer) {
      guard let start = bytes.baseAddress else { return }
      Self.check(EVP_DigestUpdate(context, start, bytes.count))
    }

    /// Ends this state: it can only be freed after this.
    func finish() -> [UInt8] {
      [UInt8](unsafeUninitializedCapacity: SHA256.byteCount) { buffer, count in
        Self.check(EVP_DigestFinal_ex(context, buffer.baseAddress, nil))
        count = SHA256.byteCount
      }
    }

    private static func allocate() -> OpaquePointer {
      guard let context = EVP_MD_CTX_new() else {
        preconditionFailure("SHA-256: libcrypto is out of memory")
      }
      return context
    }

    /// No message makes these calls fail, only a process without memory or an OpenSSL without SHA-256.
    private static func check(_ status: Int32) {
      precondition(status == 1, "SHA-256: libcrypto failed; check the OpenSSL installation")
    }
  }
}
