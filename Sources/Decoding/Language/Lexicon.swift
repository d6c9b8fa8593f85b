import Basics
import Foundation

/// A list of words and phrases, of which a transcript then consists and of nothing else.
///
/// Kept as a deterministic automaton over letters and spaces: after an entry, any entry may follow, and a phrase that
/// begins like another is followed as long as both are possible (subset construction).
public struct Lexicon: Sendable {
  public static let maximumBytes = 4 << 20
  public static let maximumStates = 1 << 20
  static let start: UInt32 = 0

  private struct State {
    var mask: UInt32 = 0
    var first: UInt32 = 0
    var accepts = false
  }

  private var states: [State] = []
  private var targets: [UInt32] = []
  /// Different entries.
  public let count: Int

  /// Reads a text file: a word or phrase a line, A-Z and apostrophes in either case.
  ///
  /// - Throws: `LexiconError`, which names the line.
  public init(path: String) throws(LexiconError) {
    let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size]) as? Int
    if let size, size > Self.maximumBytes { throw .tooLarge(path: path) }
    guard let data = FileManager.default.contents(atPath: path),
      let text = try? TextLines.whole(data)
    else { throw .unreadable(path: path) }
    try self.init(text: text, path: path)
  }

  /// The same from text; `path` is for the errors.
  public init(text: String, path: String = "in memory") throws(LexiconError) {
    guard text.utf8.count <= Self.maximumBytes else { throw .tooLarge(path: path) }
    var tree = EntryTree()
    for (number, line) in TextLines.split(text.utf8).enumerated() {
      let words = String(decoding: line, as: UTF8.self).uppercased().split(whereSeparator: {
        $0 == " " || $0 == "\t"
      })
      guard !words.isEmpty else { continue }
      let symbols = words.map { $0.utf8.map(Spelling.symbol) }.joined(separator: [Spelling.space])
      guard !symbols.contains(Spelling.other) else {
        throw .badLine(path: path, line: number + 1)
      }
      tree.insert(symbols)
    }
    guard tree.entries > 0 else { throw .empty(path: path) }
    count = tree.entries

    var numbers: [[Int]: UInt32] = [[0]: 0]
    var sets = [[0]]
    var at = 0
    while at < sets.count {
      let set = sets[at]
      at += 1
      var state = State(
        first: UInt32(targets.count), accepts: set.contains { $0 == 0 || tree.ends[$0] })
      for symbol in 0...Spelling.space {
        var next = set.compactMap { tree.children[$0][symbol] }
        if symbol == Spelling.space, set.contains(where: { tree.ends[$0] }) { next.append(0) }
        guard !next.isEmpty else { continue }
        next.sort()
        let number = numbers[next] ?? UInt32(sets.count)
        if number == sets.count {
          guard sets.count < Self.maximumStates else { throw .tooLarge(path: path) }
          numbers[next] = number
          sets.append(next)
        }
        state.mask |= 1 << UInt32(symbol)
        targets.append(number)
      }
      states.append(state)
    }
  }

  /// The state after one more letter or space; nil where no entry goes on so.
  @inline(__always) func next(_ state: UInt32, _ symbol: UInt8) -> UInt32? {
    let found = states[Int(state)]
    guard symbol <= Spelling.space, found.mask & (1 << UInt32(symbol)) != 0 else { return nil }
    let below = found.mask & ((1 << UInt32(symbol)) - 1)
    return targets[Int(found.first) + below.nonzeroBitCount]
  }

  /// Whether a transcript may end here.
  @inline(__always) func accepts(_ state: UInt32) -> Bool { states[Int(state)].accepts }

  private struct EntryTree {
    var children: [[UInt8: Int]] = [[:]]
    var ends = [false]
    var entries = 0

    mutating func insert(_ symbols: some Sequence<UInt8>) {
      var node = 0
      for symbol in symbols {
        if let next = children[node][symbol] {
          node = next
        } else {
          children[node][symbol] = children.count
          node = children.count
          children.append([:])
          ends.append(false)
        }
      }
      if !ends[node] { entries += 1 }
      ends[node] = true
    }
  }
}

/// What can be wrong with a list of words.
public enum LexiconError: Error, CustomStringConvertible, Equatable {
  case unreadable(path: String)
  case empty(path: String)
  case badLine(path: String, line: Int)
  case tooLarge(path: String)

  public var description: String {
    switch self {
    case .unreadable(let path): "lexicon \(path) cannot be read as UTF-8 text"
    case .empty(let path): "lexicon \(path) is empty; give one word or phrase a line"
    case .badLine(let path, let line):
      "lexicon \(path), line \(line): words have only the letters A-Z and apostrophes; spell numbers and signs out"
    case .tooLarge(let path):
      "lexicon \(path) is larger than \(Lexicon.maximumBytes >> 20) MiB, or its phrases need more than \(Lexicon.maximumStates) states; give fewer"
    }
  }
}
