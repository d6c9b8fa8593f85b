/// Finds what someone may have meant.
enum NearestWord {
  /// The word with the fewest edits (insertions, deletions, substitutions) from `word`; nil if even that
  /// one needs more edits than half its length and so is no help.
  static func nearest(to word: String, in words: [String]) -> String? {
    let target = Array(word.lowercased())
    let best =
      words
      .map { (word: $0, edits: distance(target, Array($0.lowercased()))) }
      .min { $0.edits < $1.edits }
    guard let best, best.edits * 2 <= max(best.word.count, target.count) else { return nil }
    return best.word
  }

  private static func distance(_ first: [Character], _ second: [Character]) -> Int {
    var row = Array(0...second.count)
    for (i, a) in first.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, b) in second.enumerated() {
        let substituted = diagonal + (a == b ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
      }
    }
    return row[second.count]
  }
}
