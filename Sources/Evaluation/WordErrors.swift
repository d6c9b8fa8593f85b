/// Errors of a transcript against its reference, by the alignment with the fewest.
public struct WordErrors: Sendable, Equatable, Codable {
  public var substitutions = 0
  public var deletions = 0
  public var insertions = 0
  public var words = 0

  public init() {}

  public var errors: Int { substitutions + deletions + insertions }
  /// Errors per reference word; nil without words.
  public var rate: Double? { words > 0 ? Double(errors) / Double(words) : nil }

  /// Words are compared as they are spoken (`SpokenWords`). Among the alignments with the fewest
  /// errors, substitutions are preferred to a deletion with an insertion.
  public init(reference: String, hypothesis: String) {
    let expected = SpokenWords.words(reference)
    let found = SpokenWords.words(hypothesis)
    words = expected.count
    struct Cell {
      var errors = 0
      var substitutions = 0
      var deletions = 0
      var insertions = 0
    }
    var previous = (0...found.count).map { Cell(errors: $0, insertions: $0) }
    for word in expected {
      var row = [previous[0]]
      row[0].errors += 1
      row[0].deletions += 1
      for (j, other) in found.enumerated() {
        var best = previous[j]
        if word != other {
          best.errors += 1
          best.substitutions += 1
        }
        if previous[j + 1].errors + 1 < best.errors {
          best = previous[j + 1]
          best.errors += 1
          best.deletions += 1
        }
        if row[j].errors + 1 < best.errors {
          best = row[j]
          best.errors += 1
          best.insertions += 1
        }
        row.append(best)
      }
      previous = row
    }
    let last = previous[found.count]
    substitutions = last.substitutions
    deletions = last.deletions
    insertions = last.insertions
  }

  public static func + (a: WordErrors, b: WordErrors) -> WordErrors {
    var sum = a
    sum.substitutions += b.substitutions
    sum.deletions += b.deletions
    sum.insertions += b.insertions
    sum.words += b.words
    return sum
  }
}
