/// A part of a recording that is a whole file in itself. Most recordings are one; files that were put one behind the other,
/// and Ogg's chained streams (RFC 3533, section 4), are several.
struct AudioSegment: Equatable {
  enum Reader: Equatable {
    /// libFLAC: goes on behind a damaged frame, where libsndfile ends.
    case flac
    case sndfile
  }

  var reader = Reader.sndfile
  var range: Range<Int>
  /// What a reader is shown instead of the bytes that stand there: sizes that a recorder never came to fill in.
  var patches: [Patch] = []
  /// Seconds that the header promises and the file cannot hold; nil where the reader itself knows.
  var promisedSeconds: Double?
  /// What is wrong with it as a container; nil: nothing.
  var damage: String?

  struct Patch: Equatable {
    var offset: Int
    var bytes: [UInt8]
  }
}

/// Where the segments of a recording are, and what is none.
enum AudioContainer {
  /// As many files as anybody has put one behind the other.
  private static let mostSegments = 10_000

  /// - Throws: `AudioError.notAudio` for text.
  static func segments(of bytes: AudioBytes) throws(AudioError) -> [AudioSegment] {
    if let reason = text(bytes.bytes(at: 0, length: 4_096)) {
      throw .notAudio(path: bytes.path, reason: reason)
    }
    var segments: [AudioSegment] = []
    var start = 0
    while start < bytes.count, segments.count < mostSegments {
      guard let found = segment(of: bytes, at: start, isFirst: segments.isEmpty) else { break }
      segments += found
      guard let end = found.last?.range.upperBound, end > start else { break }
      start = end
    }
    if segments.isEmpty { segments = [AudioSegment(range: 0..<bytes.count)] }
    return segments
  }

  private static func segment(of bytes: AudioBytes, at start: Int, isFirst: Bool)
    -> [AudioSegment]?
  {
    let head = bytes.bytes(at: start, length: 64)
    if head.has("RIFF", at: 0), head.has("WAVE", at: 8) {
      return [WaveHeader.segment(of: bytes, at: start)]
    }
    if head.has("FORM", at: 0), head.has("AIF", at: 8) {
      return [AIFFHeader.segment(of: bytes, at: start)]
    }
    if head.has("OggS", at: 0) { return OggPages.segments(of: bytes, at: start) }
    let audio = start + MPEGFrames.tagLength(bytes, at: start)
    if bytes.bytes(at: audio, length: 4).has("fLaC", at: 0) {
      return [AudioSegment(reader: .flac, range: audio..<bytes.count)]
    }
    if let found = MPEGFrames.segment(of: bytes, at: start, isFirst: isFirst) { return [found] }
    return isFirst ? [AudioSegment(range: start..<bytes.count)] : nil
  }

  /// Why these first bytes are no sound; nil if they may be.
  static func text(_ head: [UInt8]) -> String? {
    guard !head.isEmpty else { return nil }
    if head.starts(with: [0xFF, 0xFE]) || head.starts(with: [0xFE, 0xFF]) {
      let zeros = head.reduce(0) { $0 + ($1 == 0 ? 1 : 0) }
      return zeros * 3 > head.count ? "it is text" : nil
    }
    let isControl = { (byte: UInt8) in byte < 0x20 && !(0x09...0x0D).contains(byte) && byte != 0x1B
    }
    guard !head.contains(where: { isControl($0) || $0 == 0x7F }) else { return nil }
    // The last letter may be cut off.
    guard (0...3).contains(where: { String(validating: head.dropLast($0), as: UTF8.self) != nil })
    else { return nil }
    let words = String(decoding: head, as: UTF8.self).lowercased()
    let isPage = words.contains("<html") || words.contains("<!doctype html")
    return isPage ? "it is a web page" : "it is text"
  }
}

/// RIFF WAVE, whose sizes a recorder fills in at the end, if it comes to that.
enum WaveHeader {
  /// Chunks before the sound that are looked at.
  private static let mostChunks = 1_000

  static func segment(of bytes: AudioBytes, at start: Int) -> AudioSegment {
    let whole = AudioSegment(range: start..<bytes.count)
    var at = start + 12
    var bytesPerSecond = 0
    for _ in 0..<mostChunks {
      let head = bytes.bytes(at: at, length: 32)
      guard head.count >= 8 else { return whole }
      let size = head.little(at: 4)
      if head.has("fmt ", at: 0), head.count >= 20 { bytesPerSecond = head.little(at: 16) }
      if head.has("data", at: 0) {
        return judge(bytes, start: start, data: at, size: size, bytesPerSecond: bytesPerSecond)
      }
      at += 8 + size + size % 2
    }
    return whole
  }

  private static func judge(
    _ bytes: AudioBytes, start: Int, data: Int, size: Int, bytesPerSecond: Int
  ) -> AudioSegment {
    let there = bytes.count - data - 8
    var segment = AudioSegment(range: start..<bytes.count)
    // 0, or about 2 or 4 GiB: written before anybody knew, by recorders and into pipes.
    let isUnknown = size >= 0x7FFF_0000 || (size == 0 && !isEmpty(bytes, behind: data + 8))
    if isUnknown {
      guard there < size || size == 0 else { return segment }
      segment.patches = [
        .init(offset: data + 4, bytes: little(min(there, 0xFFFF_FFF0))),
        .init(offset: start + 4, bytes: little(min(bytes.count - start - 8, 0xFFFF_FFF0))),
      ]
    } else if size > there {
      segment.promisedSeconds = bytesPerSecond > 0 ? Double(size) / Double(bytesPerSecond) : nil
      segment.damage = "the file ends before its sound does"
      segment.patches = [.init(offset: data + 4, bytes: little(there))]
    } else {
      // Another file may stand behind this one, at the end of the RIFF chunk or of the sound.
      let riff = bytes.bytes(at: start + 4, length: 4).little(at: 0)
      for end in [start + 8 + riff + riff % 2, data + 8 + size + size % 2]
      where end > data + 8 && end < bytes.count
        && bytes.bytes(at: end, length: 4).has("RIFF", at: 0)
      {
        segment.range = start..<end
        break
      }
    }
    return segment
  }

  /// Whether a data chunk of 0 bytes is followed by another chunk, or by nothing: then there was no sound.
  private static func isEmpty(_ bytes: AudioBytes, behind at: Int) -> Bool {
    let head = bytes.bytes(at: at, length: 8)
    guard head.count == 8 else { return true }
    return head.prefix(4).allSatisfy { (0x20...0x7E).contains($0) }
      && at + 8 + head.little(at: 4) <= bytes.count
  }

  private static func little(_ value: Int) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
}

/// AIFF and AIFF-C, the same with the other end first.
enum AIFFHeader {
  static func segment(of bytes: AudioBytes, at start: Int) -> AudioSegment {
    var segment = AudioSegment(range: start..<bytes.count)
    var at = start + 12
    var frames: (offset: Int, count: Int, bytes: Int)?
    for _ in 0..<1_000 {
      let head = bytes.bytes(at: at, length: 18)
      guard head.count >= 8 else { return segment }
      let size = head.big(at: 4)
      if head.has("COMM", at: 0), head.count >= 16 {
        let width = (head.big(at: 14, 2) + 7) / 8
        frames = (offset: at + 10, count: head.big(at: 10), bytes: head.big(at: 8, 2) * width)
      }
      if head.has("SSND", at: 0) {
        let there = bytes.count - at - 16
        guard let frames, frames.bytes > 0, there > 0, size == 0 || frames.count == 0 else {
          return segment
        }
        segment.patches = [
          .init(offset: at + 4, bytes: big(there + 8)),
          .init(offset: frames.offset, bytes: big(there / frames.bytes)),
          .init(offset: start + 4, bytes: big(bytes.count - start - 8)),
        ]
        return segment
      }
      at += 8 + size + size % 2
    }
    return segment
  }

  private static func big(_ value: Int) -> [UInt8] {
    (0..<4).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
}
