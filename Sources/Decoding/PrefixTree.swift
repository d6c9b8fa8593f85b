import Conformer
import Models

/// The hypotheses of one search as a tree: each is its parent and one more token.
///
/// Grows only by what a beam kept: by frames times beam width, times the tokens that a frame may emit, at most.
struct PrefixTree {
  struct Node {
    var parent: Int
    var token: Int
    var state: WordFusion.State?
  }

  private(set) var nodes: [Node]
  private var children: [Child: Int] = [:]

  private struct Child: Hashable {
    var parent: Int
    var token: Int
  }

  /// The empty hypothesis is node 0.
  init(state: WordFusion.State?) {
    nodes = [Node(parent: -1, token: Vocabulary.blank, state: state)]
  }

  func child(of parent: Int, _ token: Int) -> Int? { children[Child(parent: parent, token: token)] }

  mutating func add(parent: Int, token: Int, state: WordFusion.State?) -> Int {
    let key = Child(parent: parent, token: token)
    if let known = children[key] { return known }
    let number = nodes.count
    nodes.append(Node(parent: parent, token: token, state: state))
    children[key] = number
    return number
  }

  /// All tokens of a hypothesis, oldest first.
  func tokens(_ node: Int) -> [Int] {
    var tokens: [Int] = []
    var at = node
    while at > 0 {
      tokens.append(nodes[at].token)
      at = nodes[at].parent
    }
    return tokens.reversed()
  }

  /// The last `count` tokens, oldest first, blanks before the start.
  func history(_ node: Int, count: Int) -> [Int] {
    var history = [Int](repeating: Vocabulary.blank, count: count)
    var at = node
    var place = count - 1
    while at > 0, place >= 0 {
      history[place] = nodes[at].token
      at = nodes[at].parent
      place -= 1
    }
    return history
  }
}
