/// The values in force, each with where it came from.
public struct ResolvedSettings: Sendable {
  /// A value and its origin.
  public struct Resolved: Hashable, Sendable {
    public var value: SettingValue
    public var origin: SettingOrigin
  }

  public let keys: [SettingKey]
  private let values: [String: Resolved]

  /// Resolves `keys` from `sources`.
  /// - Parameters:
  ///   - keys: every known key.
  ///   - environmentPrefix: with its last underscore, as `TANDEM_DEVICE_`; nil: no environment.
  /// - Throws: `SettingsError` for unknown keys and bad values, wherever they stand, even where something
  ///   stronger overrides them: a mistake should not hide until the override is gone.
  public init(
    keys: [SettingKey], sources: SettingsSources, environmentPrefix: String?
  ) throws(SettingsError) {
    self.keys = keys
    let byName = Dictionary(keys.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var values: [String: Resolved] = [:]
    for key in keys { values[key.name] = Resolved(value: key.defaultValue, origin: .builtIn) }

    func set(_ name: String, _ text: String, _ origin: SettingOrigin) throws(SettingsError) {
      guard let key = byName[name] else {
        // A section in whose place nothing stands: all its keys are commented out.
        if text.isEmpty, keys.contains(where: { $0.name.hasPrefix(name + ".") }) { return }
        throw .unknownKey(
          key: name, origin: origin, nearest: NearestWord.nearest(to: name, in: keys.map(\.name)))
      }
      values[name] = Resolved(
        value: try key.kind.parse(text, key: name, origin: origin), origin: origin)
    }

    if let file = sources.file {
      for entry in file.entries {
        try set(entry.key, entry.text, .file(path: file.path, line: entry.line))
      }
    }
    if let environmentPrefix {
      let byVariable = Dictionary(
        keys.map { (environmentPrefix + $0.environmentName, $0.name) },
        uniquingKeysWith: { first, _ in first })
      // `…CONFIG` names the file itself and is the command's business.
      let variables = sources.environment
        .filter { $0.key.hasPrefix(environmentPrefix) && $0.key != environmentPrefix + "CONFIG" }
        .sorted { $0.key < $1.key }
      for (variable, text) in variables {
        if Orchestrator.isService(variable, value: text) { continue }
        guard let name = byVariable[variable] else {
          throw .unknownKey(
            key: variable, origin: .environment(variable),
            nearest: NearestWord.nearest(to: variable, in: Array(byVariable.keys).sorted()))
        }
        try set(name, text, .environment(variable))
      }
    }
    for (name, text) in sources.flags.sorted(by: { $0.key < $1.key }) {
      try set(name, text, .flag(byName[name]?.flag ?? name))
    }
    self.values = values
  }

  /// The value of a key, with its origin.
  public subscript(name: String) -> Resolved {
    guard let resolved = values[name] else {
      preconditionFailure("the program asks for a setting '\(name)' that it does not declare")
    }
    return resolved
  }

  func string(_ name: String) -> String {
    guard case .string(let value) = self[name].value else { preconditionFailure(name) }
    return value
  }

  func integer(_ name: String) -> Int {
    guard case .integer(let value) = self[name].value else { preconditionFailure(name) }
    return value
  }

  func number(_ name: String) -> Double {
    guard case .number(let value) = self[name].value else { preconditionFailure(name) }
    return value
  }

  func boolean(_ name: String) -> Bool {
    guard case .boolean(let value) = self[name].value else { preconditionFailure(name) }
    return value
  }

  /// nil for the empty text.
  func optional(_ name: String) -> String? {
    let value = string(name)
    return value.isEmpty ? nil : value
  }

  /// The values in force as YAML, each with its origin in a comment: what `--print-config` prints. Holds
  /// paths of keys, never keys themselves.
  public func dump() -> String {
    SettingsDocument.write(keys: keys) { key in
      let resolved = self[key.name]
      return (comment: nil, line: "\(resolved.value)  # \(resolved.origin)")
    }
  }
}
