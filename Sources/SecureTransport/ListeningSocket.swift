import Glibc
import NIOCore

/// A bound and listening TCP socket, made before any event loop runs, so that a port in
/// use is found at start-up and port 0 has become a number before anybody is told.
///
/// Until it is given away with ``take()``, it closes itself.
struct ListeningSocket: ~Copyable {
  let host: String
  let port: Int
  private var descriptor: Int32

  /// - Parameters:
  ///   - host: A name or address of this machine; `0.0.0.0` or `::` for all of them.
  ///   - port: 0 lets the system choose.
  /// - Throws: ``TLSError`` of kind `addressInUse` or `address`.
  init(host: String, port: Int) throws {
    let place = "\(host):\(port)"
    let address: SocketAddress
    do {
      guard (0...65535).contains(port) else { throw SocketAddressError.unsupported }
      address = try SocketAddress.makeAddressResolvingHost(host, port: port)
    } catch {
      throw TLSError(
        .address, "is no address to listen at (\(error))", place: place,
        remedy: "give an address of this machine and a port from 0 to 65535")
    }
    let family = address.protocol == .inet6 ? AF_INET6 : AF_INET
    let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Self.closeOnExec, 0)
    guard descriptor >= 0 else { throw Self.error(errno, "open a socket", place) }
    do {
      var on: Int32 = 1
      // A restarted server must not wait for old connections to be forgotten.
      setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
      let bound = address.withSockAddr { bind(descriptor, $0, socklen_t($1)) }
      guard bound == 0 else { throw Self.error(errno, "bind", place) }
      guard listen(descriptor, 256) == 0 else { throw Self.error(errno, "listen", place) }
      self.port = try Self.boundPort(descriptor, place)
    } catch {
      Glibc.close(descriptor)
      throw error
    }
    self.host = host
    self.descriptor = descriptor
  }

  deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

  /// Gives the descriptor away; whoever takes it closes it.
  mutating func take() -> Int32? {
    guard descriptor >= 0 else { return nil }
    defer { descriptor = -1 }
    return descriptor
  }

  /// A child process (a test, a tool) must not inherit the port.
  private static let closeOnExec = Int32(SOCK_CLOEXEC.rawValue)

  private static func boundPort(_ descriptor: Int32, _ place: String) throws -> Int {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    guard result == 0 else { throw error(errno, "read the bound port", place) }
    // The port lies at the same place in both families' structures.
    let port = withUnsafeBytes(of: storage) { $0.load(fromByteOffset: 2, as: UInt16.self) }
    return Int(UInt16(bigEndian: port))
  }

  private static func error(_ code: Int32, _ action: String, _ place: String) -> TLSError {
    let reason = String(cString: strerror(code))
    switch code {
    case EADDRINUSE:
      return TLSError(
        .addressInUse, "the port is in use by another process", place: place,
        remedy: "stop that process (see 'ss -ltnp'), or choose another port")
    case EADDRNOTAVAIL:
      return TLSError(
        .addressInUse, "the address is not one of this machine's", place: place,
        remedy: "see 'ip address', or use 0.0.0.0 for all of them")
    case EACCES:
      return TLSError(
        .address, "this user may not use the port (\(reason))", place: place,
        remedy: "choose a port above 1023")
    default:
      return TLSError(
        .address, "could not \(action): \(reason)", place: place,
        remedy: "check the address and this machine's limits")
    }
  }
}
