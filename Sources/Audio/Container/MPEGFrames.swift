/// MPEG audio's frames (ISO 11172-3 and 13818-3), without decoding them: where sound begins, and where the file ends whose
/// first frame counts the others ("Xing" or "Info").
enum MPEGFrames {
  private struct Frame {
    var length: Int
    var samples: Int
    var rate: Int
    /// Of the side information, which the count stands behind.
    var sideBytes: Int
  }

  /// Junk before the first frame that is skipped.
  private static let mostJunk = 1 << 16

  /// Bytes of the ID3v2 tags that begin at `start`.
  static func tagLength(_ bytes: AudioBytes, at start: Int) -> Int {
    var at = start
    for _ in 0..<16 {
      let head = bytes.bytes(at: at, length: 10)
      guard head.count == 10, head.has("ID3", at: 0), head[6..<10].allSatisfy({ $0 < 0x80 }) else {
        break
      }
      let size = head[6..<10].reduce(0) { $0 << 7 | Int($1) }
      at += 10 + size + (head[5] & 0x10 != 0 ? 10 : 0)
    }
    return at - start
  }

  /// The file at `start`; nil: there is no MPEG audio.
  static func segment(of bytes: AudioBytes, at start: Int, isFirst: Bool) -> AudioSegment? {
    let tagged = start + tagLength(bytes, at: start)
    guard let first = firstFrame(bytes, from: tagged, mostJunk: isFirst ? mostJunk : 4_096) else {
      return nil
    }
    var segment = AudioSegment(range: first.at..<bytes.count)
    let head = bytes.bytes(at: first.at, length: 512)
    let tag = 4 + first.frame.sideBytes
    guard head.has("Xing", at: tag) || head.has("Info", at: tag), head.count >= tag + 12,
      head[tag + 7] & 1 != 0
    else { return segment }
    let promised = head.big(at: tag + 8)
    var at = first.at + first.frame.length
    var count = 0
    while count < promised, let frame = frame(bytes, at: at) {
      at += frame.length
      count += 1
    }
    let seconds = { (frames: Int) in
      Double(frames * first.frame.samples) / Double(first.frame.rate)
    }
    if count < promised {
      // Damage in the middle is the decoder's business, if there are bytes enough for all of it.
      let average = max(1, (at - first.at) / (count + 1))
      if at + average * (promised - count) / 2 > bytes.count || at >= bytes.count {
        segment.promisedSeconds = seconds(promised)
        segment.damage = "the file ends before its sound does"
      }
    } else if at < bytes.count {
      // What the decoder would leave out. A tag at the end is no sound.
      let rest = at + tagLength(bytes, at: at)
      if firstFrame(bytes, from: rest, mostJunk: 4_096) != nil { segment.range = first.at..<at }
    }
    return segment
  }

  /// Two frames one behind the other: a single header may be chance.
  private static func firstFrame(_ bytes: AudioBytes, from start: Int, mostJunk: Int)
    -> (at: Int, frame: Frame)?
  {
    let block = bytes.bytes(at: start, length: mostJunk + 4)
    guard block.count >= 4 else { return nil }
    for index in 0..<(block.count - 3) where block[index] == 0xFF {
      guard let frame = frame(Array(block[index..<(index + 4)])) else { continue }
      let next = start + index + frame.length
      if next == bytes.count || self.frame(bytes, at: next) != nil { return (start + index, frame) }
    }
    return nil
  }

  private static func frame(_ bytes: AudioBytes, at offset: Int) -> Frame? {
    frame(bytes.bytes(at: offset, length: 4))
  }

  private static func frame(_ head: [UInt8]) -> Frame? {
    guard head.count == 4, head[0] == 0xFF, head[1] & 0xE0 == 0xE0 else { return nil }
    let version = Int(head[1] >> 3 & 3)
    let layer = 4 - Int(head[1] >> 1 & 3)
    let bitrateIndex = Int(head[2] >> 4)
    let rateIndex = Int(head[2] >> 2 & 3)
    guard version != 1, layer != 4, (1...14).contains(bitrateIndex), rateIndex != 3 else {
      return nil
    }
    let isFirst = version == 3
    let rate = [44_100, 48_000, 32_000][rateIndex] / (isFirst ? 1 : version == 2 ? 2 : 4)
    let kilobits = bitrates(isFirst, layer)[bitrateIndex - 1]
    let padding = Int(head[2] >> 1 & 1)
    let isMono = head[3] >> 6 == 3
    let samples = layer == 1 ? 384 : layer == 3 && !isFirst ? 576 : 1_152
    let length =
      layer == 1
      ? (12_000 * kilobits / rate + padding) * 4 : samples / 8 * kilobits * 1_000 / rate + padding
    guard length > 4 else { return nil }
    return Frame(
      length: length, samples: samples, rate: rate,
      sideBytes: isFirst ? (isMono ? 17 : 32) : (isMono ? 9 : 17))
  }

  private static func bitrates(_ isFirst: Bool, _ layer: Int) -> [Int] {
    switch (isFirst, layer) {
    case (true, 1): [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448]
    case (true, 2): [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384]
    case (true, _): [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
    case (false, 1): [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256]
    case (false, _): [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
    }
  }
}
