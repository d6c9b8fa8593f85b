/// Decides, given evidence, what to do next with an utterance.
///
/// Asked before the first exit (`evidence.exits` empty) and after every exit until it stops or offloads.
/// Pure: the same evidence gives the same decision. Takes less than 20 µs.
public protocol Policy: Sendable {
  /// The name in configuration, reports and the log.
  var name: String { get }
  /// Whether it ever offloads. One that does not is given no link, so that not one packet leaves the device.
  var usesLink: Bool { get }
  /// Whether the device may ask the edge for a sign of life before the policy is asked anything (`SignOfLife`). Not where
  /// bytes must be set aside before they are spent.
  var mayProbe: Bool { get }

  func decide(_ evidence: Evidence) -> Decision
}

extension Policy {
  public var usesLink: Bool { true }
  public var mayProbe: Bool { usesLink }
}

/// A policy that can be chosen by its name (`PolicyRegistry`).
public protocol NamedPolicy: Policy {
  static var name: String { get }
  /// What it looks at in an exit unless it is told otherwise.
  static var usualCriterion: ConfidenceCriterion { get }

  init(_ settings: PolicySettings)
}

extension NamedPolicy {
  public var name: String { Self.name }

  /// Whether a transcript is right as a whole is what a policy that stops at the first sure exit wants to know, and the
  /// calibrated probability tells it best on dev.
  public static var usualCriterion: ConfidenceCriterion { .probability }
}

/// What policies that weigh expected word errors look at. The probability that a transcript is right as a whole tells them
/// nothing about long sentences, which hardly ever are: `model-based` closed 32 % of the gap to the oracle by it, and 45 % by
/// the sentence posterior.
let expectedCostCriterion = ConfidenceCriterion.sentencePosterior
