import Yams

/// A mapping of a scenario's YAML; remembers which keys were asked for, so that the others can be named.
final class ScenarioSection {
  let path: String
  let name: String
  private let mapping: Node.Mapping?
  private let line: Int
  private var known: [String] = []

  /// - Parameter node: nil for a section that is not there.
  init(path: String, name: String, node: Node?) throws(ScenarioError) {
    self.path = path
    self.name = name
    line = node?.mark?.line ?? 1
    guard let node else {
      mapping = nil
      return
    }
    guard case .mapping(let mapping) = node else {
      throw .malformed(
        path: path, line: line,
        reason: "\(name.isEmpty ? "the file" : "'\(name)'") must hold 'key: value' lines")
    }
    self.mapping = mapping
  }

  var isThere: Bool { mapping != nil }

  func child(_ key: String) throws(ScenarioError) -> ScenarioSection {
    try ScenarioSection(path: path, name: full(key), node: node(key))
  }

  /// - Parameter fallback: for a key that is not there; nil: it must be.
  func number(_ key: String, _ range: ClosedRange<Double>, default fallback: Double? = nil)
    throws(ScenarioError) -> Double
  {
    guard let node = node(key) else { return try required(key, fallback) }
    guard let value = node.float, range.contains(value) else {
      throw wrong(key, node, "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  func integer(_ key: String, _ range: ClosedRange<Int>, default fallback: Int? = nil)
    throws(ScenarioError) -> Int
  {
    guard let node = node(key) else { return try required(key, fallback) }
    guard let value = node.int, range.contains(value) else {
      throw wrong(key, node, "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  func boolean(_ key: String, default fallback: Bool) throws(ScenarioError) -> Bool {
    guard let node = node(key) else { return fallback }
    guard let value = node.bool else { throw wrong(key, node, "true or false") }
    return value
  }

  func string(_ key: String, default fallback: String? = nil) throws(ScenarioError) -> String {
    guard let node = node(key) else { return try required(key, fallback) }
    guard let value = node.scalar?.string else { throw wrong(key, node, "a text") }
    return value
  }

  func choice<Choice: RawRepresentable & CaseIterable>(
    _ key: String, default fallback: Choice? = nil
  ) throws(ScenarioError) -> Choice where Choice.RawValue == String {
    guard let node = node(key) else { return try required(key, fallback) }
    guard let value = node.scalar.flatMap({ Choice(rawValue: $0.string) }) else {
      throw wrong(
        key, node, "one of " + Choice.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return value
  }

  func strings(_ key: String) throws(ScenarioError) -> [String] {
    guard let node = node(key) else { return [] }
    guard let values = node.sequence?.map({ $0.scalar?.string }), !values.contains(nil) else {
      throw wrong(key, node, "a list of texts")
    }
    return values.compactMap { $0 }
  }

  func numbers(_ key: String, _ range: ClosedRange<Double>) throws(ScenarioError) -> [Double] {
    guard let node = node(key) else { return [] }
    guard let values = node.sequence.flatMap({ numbers(of: $0, range) }) else {
      throw wrong(
        key, node, "a list of numbers from \(range.lowerBound) to \(range.upperBound)")
    }
    return values
  }

  /// A list of lists of numbers.
  func rows(_ key: String, _ range: ClosedRange<Double>) throws(ScenarioError) -> [[Double]] {
    guard let node = node(key) else { return [] }
    let rows = node.sequence?.map { row in row.sequence.flatMap { numbers(of: $0, range) } }
    guard let rows, !rows.contains(nil) else {
      throw wrong(
        key, node, "a list of lists of numbers from \(range.lowerBound) to \(range.upperBound)")
    }
    return rows.compactMap { $0 }
  }

  /// Numbers by name, where the names are those of a type.
  func numbers<Name: RawRepresentable & CaseIterable>(
    _ key: String, of type: Name.Type, _ range: ClosedRange<Double>
  ) throws(ScenarioError) -> [(Name, Double)] where Name.RawValue == String {
    let section = try child(key)
    var values: [(Name, Double)] = []
    for name in Name.allCases where section.node(name.rawValue) != nil {
      values.append((name, try section.number(name.rawValue, range)))
    }
    try section.refuseUnknown()
    return values
  }

  /// - Throws: `ScenarioError.unknownKey` for the first key that nobody asked for.
  func refuseUnknown() throws(ScenarioError) {
    for (key, _) in mapping ?? Node.Mapping([]) {
      let word = key.scalar?.string ?? "?"
      guard known.contains(word) else {
        throw .unknownKey(
          path: path, line: key.mark?.line ?? line, key: full(word),
          known: Array(Set(known)).sorted())
      }
    }
  }

  /// What to throw for a value that fits its type but nothing else.
  func wrong(_ key: String, expected: String) -> ScenarioError {
    node(key).map { wrong(key, $0, expected) }
      ?? .missingKey(path: path, line: line, key: full(key))
  }

  private func wrong(_ key: String, _ node: Node, _ expected: String) -> ScenarioError {
    .wrongValue(
      path: path, line: node.mark?.line ?? line, key: full(key),
      found: node.scalar?.string ?? (node.sequence != nil ? "a list" : "a section"),
      expected: expected)
  }

  private func required<Value>(_ key: String, _ fallback: Value?) throws(ScenarioError) -> Value {
    guard let fallback else { throw .missingKey(path: path, line: line, key: full(key)) }
    return fallback
  }

  private func node(_ key: String) -> Node? {
    known.append(key)
    return mapping?.first { $0.key.scalar?.string == key }?.value
  }

  private func full(_ key: String) -> String { name.isEmpty ? key : "\(name).\(key)" }

  private func numbers(of sequence: Node.Sequence, _ range: ClosedRange<Double>) -> [Double]? {
    let values = sequence.map { $0.float }
    guard values.allSatisfy({ $0.map(range.contains) ?? false }) else { return nil }
    return values.compactMap { $0 }
  }
}
