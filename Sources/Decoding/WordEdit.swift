import Conformer
import Models

/// Other words for some of a transcript's: what stands in another transcript where the two differ.
struct WordEdit: Hashable {
  /// Of the transcript's words; empty where the other has words more.
  var range: Range<Int>
  /// Tokens of each word that takes their place; empty where the other has none.
  var replacement: [[Int]]

  /// Tokens, word by word; a word begins with a token that marks a word's start.
  static func words(_ tokens: [Int], vocabulary: Vocabulary) -> [[Int]] {
    var words: [[Int]] = []
    for token in tokens {
      if words.isEmpty || vocabulary.tokens[token].hasPrefix(Vocabulary.wordBoundary) {
        words.append([])
      }
      words[words.count - 1].append(token)
    }
    return words
  }

  /// Where two transcripts differ, from left to right, between the words that they have in common.
  ///
  /// Words are the same when their texts are, however they are spelt in tokens.
  static func differences(
    _ words: [[Int]], _ other: [[Int]], vocabulary: Vocabulary
  ) -> [WordEdit] {
    let common = BestHypotheses.commonSubsequence(
      words.map { vocabulary.text($0) }, other.map { vocabulary.text($0) })
    var edits: [WordEdit] = []
    var (i, j) = (0, 0)
    for (nextI, nextJ) in common + [(words.count, other.count)] {
      if i < nextI || j < nextJ {
        edits.append(WordEdit(range: i..<nextI, replacement: Array(other[j..<nextJ])))
      }
      (i, j) = (nextI + 1, nextJ + 1)
    }
    return edits
  }

  /// Whether the two cannot both be made: they change the same words, or put words into the same place.
  func conflicts(with other: WordEdit) -> Bool {
    (range.lowerBound < other.range.upperBound && other.range.lowerBound < range.upperBound)
      || range.lowerBound == other.range.lowerBound || range.upperBound == other.range.upperBound
  }

  /// The tokens of a transcript after edits that do not conflict.
  ///
  /// A transcript may begin without the mark of a word's start; a word that is no longer the first gets one.
  /// - Returns: nil where the vocabulary has no token for that mark alone.
  static func apply(
    _ edits: some Sequence<WordEdit>, to words: [[Int]], vocabulary: Vocabulary
  ) -> [Int]? {
    var words = words
    for edit in edits.sorted(by: { $0.range.lowerBound > $1.range.lowerBound }) {
      words.replaceSubrange(edit.range, with: edit.replacement)
    }
    var tokens: [Int] = []
    for word in words {
      if !tokens.isEmpty, !vocabulary.tokens[word[0]].hasPrefix(Vocabulary.wordBoundary) {
        guard let mark = vocabulary.tokens.firstIndex(of: Vocabulary.wordBoundary) else {
          return nil
        }
        tokens.append(mark)
      }
      tokens += word
    }
    return tokens
  }
}
