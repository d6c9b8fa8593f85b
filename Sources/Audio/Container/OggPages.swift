/// Ogg's pages (RFC 3533, section 6): where one logical stream ends and the next begins, and whether one is missing.
enum OggPages {
  /// From one page to the next at most: 27 bytes, 255 lacing values, 255 · 255 bytes.
  private static let largestPage = 65_307

  /// The chained streams from `start` on, each a file in itself.
  static func segments(of bytes: AudioBytes, at start: Int) -> [AudioSegment] {
    var segments: [AudioSegment] = []
    var begin = start
    var at = start
    var sawData = false
    var damage: String?
    // Page numbers by logical stream.
    var next: [Int: Int] = [:]
    func end(_ end: Int) {
      segments.append(AudioSegment(range: begin..<end, damage: damage))
      begin = end
      damage = nil
      sawData = false
      next = [:]
    }
    while at < bytes.count {
      let head = bytes.bytes(at: at, length: 27 + 255)
      guard head.has("OggS", at: 0), head.count >= 27, head.count >= 27 + Int(head[26]) else {
        guard let found = resynchronize(bytes, from: at + 1) else {
          // Tags and padding behind the last page are no damage; half a page is.
          if head.has("OggS", at: 0) { damage = "the file ends in the middle of a page" }
          break
        }
        damage = "there are \(found - at) damaged bytes"
        at = found
        continue
      }
      let isFirst = head[5] & 2 != 0
      if isFirst, sawData { end(at) }
      if !isFirst { sawData = true }
      let stream = head.little(at: 14)
      let number = head.little(at: 18)
      if let expected = next[stream], number != expected {
        damage = "\(abs(number - expected)) pages are missing"
      }
      next[stream] = number + 1
      let size =
        27 + Int(head[26]) + head[27..<(27 + Int(head[26]))].reduce(0) { $0 + Int($1) }
      if at + size > bytes.count { damage = "the file ends in the middle of a page" }
      at += size
    }
    end(bytes.count)
    return segments
  }

  private static func resynchronize(_ bytes: AudioBytes, from start: Int) -> Int? {
    let block = bytes.bytes(at: start, length: 2 * largestPage)
    guard block.count >= 27 else { return nil }
    return (0..<(block.count - 27)).first { block.has("OggS", at: $0) && block[$0 + 4] == 0 }
      .map { start + $0 }
  }
}
