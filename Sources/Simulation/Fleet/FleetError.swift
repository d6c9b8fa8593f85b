/// Why a strategy cannot be simulated.
public enum FleetError: Error, Hashable, Sendable {
  case noSuchExit(Int, exits: Int)
  case notProfiled(splitLayer: Int, codec: Int)
  case noSuchBaseline(String, known: [String])
  case unknownStrategy(String, known: [String])
}

extension FleetError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noSuchExit(let exit, let exits):
      "exit \(exit): the profile's model has exits 1 to \(exits)"
    case .notProfiled(let layer, let codec):
      "the profile has nothing of split layer \(layer) with codec \(codec); profile it, or choose another"
    case .noSuchBaseline(let name, let known):
      "the profile has no baseline '\(name)'; it has "
        + (known.isEmpty ? "none" : known.joined(separator: ", "))
    case .unknownStrategy(let name, let known):
      "no strategy is called '\(name)'; with this profile there are \(known.joined(separator: ", "))"
    }
  }
}

extension Strategy {
  /// Strategies by the names that reports use.
  /// - Throws: `FleetError.unknownStrategy`, which lists the known ones.
  public static func named(_ names: [String], profile: Profile) throws(FleetError) -> [Strategy] {
    let known = all(profile: profile)
    var strategies: [Strategy] = []
    for name in names {
      guard let strategy = known.first(where: { $0.name == name }) else {
        throw .unknownStrategy(name, known: known.map(\.name))
      }
      strategies.append(strategy)
    }
    return strategies
  }

  /// - Throws: `FleetError` if `profile` does not hold what the strategy needs.
  func check(_ profile: Profile) throws(FleetError) {
    switch self {
    case .policy, .priced, .threshold, .random, .clairvoyantOracle, .informedOracle: return
    case .exit(let exit):
      guard (1...profile.header.shape.exits.count).contains(exit) else {
        throw .noSuchExit(exit, exits: profile.header.shape.exits.count)
      }
    case .edge(let layer, let codec, _):
      guard profile.edge(utterance: 0, splitLayer: layer, codec: codec) != nil else {
        throw .notProfiled(splitLayer: layer, codec: codec)
      }
    case .baseline(let name, _):
      guard profile.header.baselines.contains(name) else {
        throw .noSuchBaseline(name, known: profile.header.baselines)
      }
    }
  }
}
