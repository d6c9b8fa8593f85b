import Offload
import Plotting

/// Who decides in a run: a policy that ships, or something to compare it with.
public enum Strategy: Hashable, Sendable {
  /// A policy of `PolicyRegistry`, on every device.
  case policy(String)
  /// `model-based`, charged so much a megabyte on top: takes an offload only if it is worth that.
  case priced(perMegabyte: Double)
  /// `confidence` with the same threshold at every exit.
  case threshold(Double)
  /// Always stops at this exit; the link is never used.
  case exit(Int)
  /// Always offloads at this layer with this codec; `ahead`: from the first chunk on, while the user speaks.
  case edge(splitLayer: Int, codec: Int, ahead: Bool = false)
  /// Sends audio to a server that has the whole model: a name of the profile's `baselines`; `ahead` as above.
  case baseline(String, ahead: Bool = false)
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
    case .priced(let price): "model-based-at-\(HTMLText.number(price))-a-megabyte"
    case .threshold(let value): "confidence-at-\(HTMLText.number(value))"
    case .exit(let exit): "local-exit-\(exit)"
    case .edge(let layer, let codec, let ahead):
      "edge-layer-\(layer)-codec-\(codec)" + (ahead ? "-ahead" : "")
    case .baseline(let name, let ahead): name + (ahead ? "-ahead" : "")
    case .random: "random-at-the-same-rate"
    case .clairvoyantOracle: "oracle-clairvoyant"
    case .informedOracle: "oracle-informed"
    }
  }

  /// What kind of thing it is.
  public var kind: Kind {
    switch self {
    case .policy: .policy
    case .priced, .threshold: .reference
    case .exit, .edge, .baseline, .random: .fixed
    case .clairvoyantOracle, .informedOracle: .oracle
    }
  }

  public enum Kind: String, Codable, Sendable {
    /// Ships with the device.
    case policy
    /// A policy with a knob that somebody set who knew what was to come.
    case reference
    /// Never looks at the utterance, the link or the edge.
    case fixed
    /// Knows what no device can know.
    case oracle
  }

  /// Everything that can be compared on a profile: all policies, every fixed baseline, both oracles.
  public static func all(profile: Profile) -> [Strategy] {
    let header = profile.header
    let ways = header.prefixSeconds == nil ? [false] : [false, true]
    return PolicyRegistry.names.map { .policy($0) }
      + header.shape.exits.map { .exit($0.exit) }
      + header.splitLayers.flatMap { layer in
        header.codecs.flatMap { codec in
          ways.map { .edge(splitLayer: layer, codec: codec, ahead: $0) }
        }
      }
      + header.baselines.flatMap { name in ways.map { .baseline(name, ahead: $0) } }
      + [.informedOracle, .clairvoyantOracle]
  }
}
