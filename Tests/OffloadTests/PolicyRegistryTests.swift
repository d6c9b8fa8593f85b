import Testing

@testable import Offload

/// A policy that the library has never heard of: one type, and it can be chosen by its name.
private struct FirstExitPolicy: NamedPolicy {
  static let name = "first-exit"
  static let usualCriterion = ConfidenceCriterion.agreement
  let usesLink = false

  private let settings: PolicySettings
  init(_ settings: PolicySettings) { self.settings = settings }

  func decide(_ evidence: Evidence) -> Decision {
    Decision(
      policy: name, action: evidence.exits.last.map { .stop(exit: $0.exit) } ?? .nextExit,
      reason: .policyFixed,
      predictions: settings.costs.predictions(
        evidence, calibration: settings.calibration, criterion: settings.criterion),
      evidence: evidence)
  }
}

@Suite("Policies by name") struct PolicyRegistryTests {
  @Test func aPolicyIsOneTypeAndOneRow() throws {
    let registry = PolicyRegistry.shipped.adding(FirstExitPolicy.self)
    #expect(registry.names == PolicyRegistry.names + ["first-exit"])
    #expect(try registry.type(named: "first-exit").usualCriterion == .agreement)
    let policy = try registry.policy(named: "first-exit", settings: Fixtures.settings())
    #expect(policy.name == "first-exit")
    #expect(!policy.usesLink && !policy.mayProbe)
    let costs = CostPredictor(model: .standard, deviceClass: .laptop)
    #expect(!SignOfLife(policy: policy, costs: costs).isWanted)
    let exit = Fixtures.exit(1, entropy: 0.5)
    #expect(policy.decide(Fixtures.evidence(exits: [exit])).action == .stop(exit: 1))
    // It goes through a whole session, without a word about it anywhere.
    var session = UtteranceSessionTests.whole(policy)
    #expect(session.handle(.observed(UtteranceSessionTests.here), at: 10.1) == [.compute(exit: 1)])
    _ = session.handle(.exitReady(exit), at: 10.2)
    #expect(
      session.handle(.observed(UtteranceSessionTests.here), at: 10.2)
        == [.answer(AnswerRace.Answer(origin: .exit(1)))])
  }

  @Test func whatIsNotThereIsNamedWithWhatIs() {
    #expect(throws: UnknownPolicyError(name: "none", known: PolicyRegistry.names)) {
      try PolicyRegistry.shipped.type(named: "none")
    }
  }

  @Test func policiesSayWhatTheyAre() throws {
    for name in PolicyRegistry.names {
      let policy = try PolicyRegistry.policy(named: name, settings: Fixtures.settings())
      #expect(policy.name == name)
      #expect(policy.usesLink == (name != "always-local"))
      #expect(policy.mayProbe == !["always-local", "budget"].contains(name))
      #expect(
        ConfidenceCriterion.usual(policy: name)
          == (["model-based", "budget", "bandit"].contains(name)
            ? .sentencePosterior : .probability))
    }
  }
}
