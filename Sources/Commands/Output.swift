import Basics
import Foundation
import Settings
import Synchronization

/// The one place through which every program writes standard output and standard error.
///
/// Results go to standard output and must arrive: what cannot be written is an error that ends the command. What goes to
/// standard error is said if it can be, and never stops anything. Nothing is buffered here, so a reader sees each line when
/// it is there; a slow reader is waited for.
public enum Output {
  /// The progress bar that stands on the terminal's last line; what is written elsewhere on the terminal takes its place.
  private static let bar = Mutex("")
  private static let isTerminal = (output: isatty(1) == 1, errors: isatty(2) == 1)

  /// Call first of all: a reader that goes away becomes an error instead of the process's end, and what is opened later never
  /// takes the number of a standard stream that is closed.
  static func prepare() {
    signal(SIGPIPE, SIG_IGN)
    for descriptor in Int32(0)...2 where fcntl(descriptor, F_GETFD) < 0 && errno == EBADF {
      // Standard output is opened for reading, so that what is written to it is still an error. The lowest free number is
      // the one that is closed.
      _ = open("/dev/null", descriptor == 1 ? O_RDONLY : O_RDWR)
    }
  }

  /// Writes results to standard output.
  ///
  /// - Throws: `OutputError`.
  public static func print(_ text: String, terminator: String = "\n") throws(OutputError) {
    try write(Data((PathName.printable(text) + terminator).utf8))
  }

  /// Writes results to standard output, byte by byte as they are.
  ///
  /// - Throws: `OutputError`.
  public static func write(_ data: Data) throws(OutputError) {
    if isTerminal.output { clearBar() }
    let code = write(data, to: 1)
    if code == EPIPE { throw .readerGone }
    guard code == 0 else { throw .unwritable(place: "standard output", code: code) }
  }

  /// A line on standard error, if it can be written.
  public static func complain(_ line: String) {
    if isTerminal.errors { clearBar() }
    _ = write(Data((PathName.printable(line) + "\n").utf8), to: 2)
  }

  /// Draws `line` as the terminal's last line, instead of what stood there; an empty one takes it away.
  public static func draw(bar line: String) {
    guard isTerminal.errors else { return }
    bar.withLock { $0 = line }
    _ = write(Data("\r\u{1B}[K\(line)".utf8), to: 2)
  }

  private static func clearBar() {
    let stood = bar.withLock { bar in
      defer { bar = "" }
      return !bar.isEmpty
    }
    if stood { _ = write(Data("\r\u{1B}[K".utf8), to: 2) }
  }

  /// What the system still holds back may fail when it is closed: on a network's file system that is when a full disk shows.
  ///
  /// - Throws: `OutputError`.
  static func finish() throws(OutputError) {
    if close(1) != 0, errno != EBADF {
      throw .unwritable(place: "standard output", code: errno)
    }
  }

  /// Writes all of `data`. - Returns: 0, or why not.
  private static func write(_ data: Data, to descriptor: Int32) -> Int32 {
    var rest = data[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        rest = rest.dropFirst(count)
      } else if errno == EAGAIN || errno == EWOULDBLOCK {
        // Somebody who shares the pipe has made it so; its reader is slow, not gone.
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&waiting, 1, -1)
      } else if count < 0, errno != EINTR {
        return errno
      }
    }
    return 0
  }
}

/// What cannot be written.
public enum OutputError: Error, Equatable, CustomStringConvertible {
  /// Whoever read standard output has gone: `| head -1`. Nothing is to be said, and there is nobody to say it to.
  case readerGone
  case unwritable(place: String, code: Int32)
  /// A file or folder that is to be written cannot be.
  case cannotCreate(path: String, reason: String)

  public var exitStatus: ExitStatus {
    if case .cannotCreate = self { .cannotCreate } else { .inputOutput }
  }

  public var description: String {
    switch self {
    case .readerGone: "standard output has no reader any more"
    case .unwritable(let place, let code):
      "\(place) cannot be written: \(String(cString: strerror(code))); make room, or send it elsewhere"
    case .cannotCreate(let path, let reason): "\(path) cannot be written: \(reason)"
    }
  }
}
