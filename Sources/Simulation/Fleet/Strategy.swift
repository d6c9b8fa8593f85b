import Offload

/// Who decides in a run: a policy that ships, or something to compare it with.
public enum Strategy: Hashable, Sendable {
  /// A policy of `PolicyRegistry`, on every device.
  case policy(String)
  /// Always stops at this exit; the link is never used.
  case exit(Int)
  /// Always offloads at once at this layer with this codec.
  case edge(splitLayer: Int, codec: Int)
  /// Sends audio to a server that has the whole model: a name of the profile's `baselines`.
  case baseline(String)
  /// Offloads this share of the utterances, drawn at random, at the lowest layer; the others get the last exit's
  /// transcript. Better than this at the same rate is what choosing well adds.
  case random(share: Double)
  /// Knows rates, queues and every transcript's errors.
  case clairvoyantOracle
  /// Knows rates and queues; of errors only what to expect, given the exits that were computed.
  case informedOracle

  /// The name in reports.
  public var name: String {
    switch self {
    case .policy(let name): name
    case .exit(let exit): "local-exit-\(exit)"
    case .edge(let layer, let codec): "edge-layer-\(layer)-codec-\(codec)"
    case .baseline(let name): name
    case .random: "random-at-the-same-rate"
    case .clairvoyantOracle: "oracle-clairvoyant"
    case .informedOracle: "oracle-informed"
    }
  }

  /// What kind of thing it is.
  public var kind: Kind {
    switch self {
    case .policy: .policy
    case .exit, .edge, .baseline, .random: .fixed
    case .clairvoyantOracle, .informedOracle: .oracle
    }
  }

  public enum Kind: String, Codable, Sendable {
    /// Ships with the device.
    case policy
    /// Never looks at the utterance, the link or the edge.
    case fixed
    /// Knows what no device can know.
    case oracle
  }

  /// Everything that can be compared on a profile: all policies, every fixed baseline, both oracles.
  public static func all(profile: Profile) -> [Strategy] {
    let header = profile.header
    return PolicyRegistry.names.map { .policy($0) }
      + header.shape.exits.map { .exit($0.exit) }
      + header.splitLayers.flatMap { layer in
        header.codecs.map { .edge(splitLayer: layer, codec: $0) }
      }
      + header.baselines.map { .baseline($0) } + [.informedOracle, .clairvoyantOracle]
  }
}
