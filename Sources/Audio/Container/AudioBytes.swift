import Basics
import Foundation

/// The bytes of one recording, in any order: of a file, or of what came through a pipe, which is kept until its end.
final class AudioBytes {
  let path: String
  let count: Int
  private let descriptor: Int32

  /// More through a pipe is refused: a day of CD sound is 15 GB, and the disk is not ours alone.
  static let mostThroughPipe = 4 << 30

  /// - Parameter path: "-" is standard input.
  init(path: String) throws(AudioError) {
    self.path = path
    let opened: Int32
    if path == "-" {
      guard isatty(0) == 0 else {
        throw .notAudio(path: path, reason: "it is a terminal: send a recording through a pipe")
      }
      opened = fcntl(0, F_DUPFD_CLOEXEC, 3)
    } else {
      var name = PathName.bytes(path).map { CChar(bitPattern: $0) }
      name.append(0)
      opened = open(name, O_RDONLY | O_CLOEXEC)
    }
    guard opened >= 0 else { throw .notFound(path: path) }
    var status = stat()
    guard fstat(opened, &status) == 0 else {
      close(opened)
      throw .notFound(path: path)
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG:
      descriptor = opened
      count = Int(status.st_size)
    case S_IFIFO, S_IFSOCK:
      defer { close(opened) }
      (descriptor, count) = try Self.keep(opened, path)
    case S_IFDIR:
      close(opened)
      throw .notAudio(path: path, reason: "it is a folder")
    default:
      close(opened)
      throw .notAudio(path: path, reason: "it is a device")
    }
    guard count > 0 else {
      close(descriptor)
      throw .empty(path: path)
    }
  }

  deinit { close(descriptor) }

  /// At most `length` bytes from `offset` on; fewer at the end, or where the disk cannot read.
  func read(at offset: Int, into buffer: UnsafeMutableRawPointer, length: Int) -> Int {
    var done = 0
    while done < length {
      let got = pread(descriptor, buffer + done, length - done, off_t(offset + done))
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { break }
      done += got
    }
    return done
  }

  func bytes(at offset: Int, length: Int) -> [UInt8] {
    guard offset >= 0, offset < count else { return [] }
    return [UInt8](unsafeUninitializedCapacity: min(length, count - offset)) { buffer, found in
      guard let base = buffer.baseAddress else { return }
      found = read(at: offset, into: base, length: buffer.count)
    }
  }

  /// Copies what comes into a file without a name, which is gone with this process.
  private static func keep(_ pipe: Int32, _ path: String) throws(AudioError) -> (Int32, Int) {
    func failure() -> AudioError { .unkept(path: path, reason: String(cString: strerror(errno))) }
    let name =
      FileManager.default.temporaryDirectory.path + "/tandem-audio-\(UUID().uuidString)"
    let file = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw failure() }
    unlink(name)
    var block = [UInt8](repeating: 0, count: 1 << 16)
    var total = 0
    while true {
      let got = Foundation.read(pipe, &block, block.count)
      if got < 0, errno == EINTR { continue }
      if got < 0, errno == EAGAIN {
        var waiting = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
        _ = poll(&waiting, 1, -1)
        continue
      }
      guard got > 0 else { break }
      total += got
      guard total <= mostThroughPipe else {
        close(file)
        throw .unkept(path: path, reason: "it is longer than \(mostThroughPipe >> 30) GiB")
      }
      var written = 0
      while written < got {
        let count = block.withUnsafeBytes { bytes in
          Foundation.write(file, bytes.baseAddress.map { $0 + written }, got - written)
        }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else {
          let error = failure()
          close(file)
          throw error
        }
        written += count
      }
    }
    return (file, total)
  }
}

/// Numbers in headers.
extension Array where Element == UInt8 {
  func little(at index: Int, _ width: Int = 4) -> Int {
    (0..<width).reversed().reduce(0) { $0 << 8 | Int(self[index + $1]) }
  }

  func big(at index: Int, _ width: Int = 4) -> Int {
    (0..<width).reduce(0) { $0 << 8 | Int(self[index + $1]) }
  }

  func has(_ text: String, at index: Int) -> Bool {
    index >= 0 && index + text.utf8.count <= count
      && self[index..<(index + text.utf8.count)].elementsEqual(text.utf8)
  }
}
