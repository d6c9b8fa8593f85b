import Synchronization
import Testing

@testable import Offload

@Suite("The rules of an utterance")
struct UtteranceSessionTests {
  typealias Session = UtteranceSession
  typealias Effect = UtteranceSession.Effect

  /// Does what it is told by a function of the evidence.
  final class Scripted: LearningPolicy {
    let name = "scripted"
    let permissions = Mutex<[Permission]>([])
    let choose: @Sendable (Evidence) -> Action

    init(
      permissions: [Permission] = [], _ choose: @escaping @Sendable (Evidence) -> Action
    ) {
      self.permissions.withLock { $0 = permissions }
      self.choose = choose
    }

    func decide(_ evidence: Evidence) -> Decision {
      let action = choose(evidence)
      let cost = PredictedCost(
        latency: 0, energy: 0, bytes: 0, serverSeconds: 0, expectedErrors: nil, errorTotal: 0,
        total: 0)
      return Decision(
        policy: name, action: action, reason: .policyFixed,
        predictions: [.init(action: action, cost: cost)], evidence: evidence)
    }

    func begin(_ decision: Decision, utterance: UInt64, at time: Double) -> Permission {
      permissions.withLock { $0.isEmpty ? .granted(bytes: nil) : $0.removeFirst() }
    }

    func observe(_ outcome: Outcome) {}
  }

  static let plan = SpeculationPlan(splitLayer: 2, codec: 1, packetDuration: 0.32)

  static func session(
    _ policy: any Policy, deadline: Double = 2, hedge: Bool = true,
    mode: SpeculationSettings.Mode = .likely
  ) -> Session {
    Session(
      settings: Session.Settings(
        model: Fixtures.shape, options: Fixtures.options, deadline: deadline, hedge: hedge,
        speculation: SpeculationSettings(mode: mode),
        costs: CostPredictor(model: .standard, deviceClass: .laptop), maximumSeconds: 30),
      policy: policy, utterance: 7, draw: 5)
  }

  static let speech = Session.Speech(
    seconds: 4, framesLeft: Array(repeating: 100, count: 8), blocksDone: 0)
  static let here = Session.Surroundings(link: Fixtures.goodLink, edge: .unknown)

  /// To the first question of an utterance that was handed over as a whole.
  static func whole(_ policy: any Policy, hedge: Bool = true) -> Session {
    var session = session(policy, hedge: hedge)
    #expect(session.handle(.speechEnded, at: 10) == [.catchUp(toLayer: 0)])
    #expect(session.handle(.caughtUp(speech), at: 10.1) == [.observe])
    return session
  }

  @Test func aWholeUtteranceIsOneThatEndedAtOnce() {
    var session = Self.whole(
      Scripted { $0.exits.count == 2 ? .stop(exit: 2) : .nextExit })
    #expect(session.handle(.observed(Self.here), at: 10.1) == [.compute(exit: 1)])
    #expect(session.evidence?.streamed == nil)
    #expect(session.evidence?.deadlineRemaining == 12 - 10.1)
    let exits = (1...2).map { Fixtures.exit($0, entropy: 0.5) }
    #expect(session.handle(.exitReady(exits[0]), at: 10.2) == [.observe])
    #expect(session.handle(.observed(Self.here), at: 10.2) == [.compute(exit: 2)])
    #expect(session.handle(.exitReady(exits[1]), at: 10.3) == [.observe])
    #expect(
      session.handle(.observed(Self.here), at: 10.3)
        == [.answer(AnswerRace.Answer(origin: .exit(2)))])
    #expect(session.decisions.map(\.action) == [.nextExit, .nextExit, .stop(exit: 2)])
    #expect(session.decidedAt == 10.3)
    #expect(session.handle(.deadline, at: 12) == [])
  }

  @Test func theLastExitIsTheAnswerOfAPolicyThatWantsMore() {
    var session = Self.whole(Scripted { _ in .nextExit })
    for exit in 1...4 {
      #expect(session.handle(.observed(Self.here), at: 10.2) == [.compute(exit: exit)])
      _ = session.handle(.exitReady(Fixtures.exit(exit, entropy: 0.5)), at: 10.2)
    }
    #expect(
      session.handle(.observed(Self.here), at: 10.2)
        == [.answer(AnswerRace.Answer(origin: .exit(4)))])
  }

  @Test func theDeadlineStopsAtTheDeepestExitThatIsThere() throws {
    var session = Self.whole(Scripted { _ in .nextExit })
    _ = session.handle(.observed(Self.here), at: 10.1)
    // Before the first exit there is nothing to answer with.
    #expect(session.handle(.deadline, at: 12) == [])
    #expect(session.handle(.exitReady(Fixtures.exit(1, entropy: 0.5)), at: 12.5) == [.observe])
    #expect(
      session.handle(.observed(Self.here), at: 12.5)
        == [.answer(AnswerRace.Answer(origin: .exit(1)))])
    #expect(session.decisions.last?.reason == .deadlinePassed)

    session = Self.whole(Scripted { _ in .nextExit })
    _ = session.handle(.observed(Self.here), at: 10.1)
    _ = session.handle(.exitReady(Fixtures.exit(1, entropy: 0.5)), at: 11)
    #expect(session.handle(.observed(Self.here), at: 11) == [.compute(exit: 2)])
    #expect(session.handle(.deadline, at: 12) == [.observe])
    #expect(
      session.handle(.observed(Self.here), at: 12)
        == [.answer(AnswerRace.Answer(origin: .exit(1)))])
  }

  @Test func nothingIsSentAfterTheDeadline() {
    var session = Self.whole(Scripted { _ in Self.plan.action })
    #expect(session.handle(.observed(Self.here), at: 10.1) == [.computeFeatures(layer: 2)])
    #expect(session.handle(.deadline, at: 12) == [.compute(exit: 1)])
    #expect(session.handle(.featuresReady, at: 12.1) == [])
    #expect(
      session.handle(.exitReady(Fixtures.exit(1, entropy: 0.5)), at: 12.2)
        == [.answer(AnswerRace.Answer(origin: .exit(1), failure: .deadline))])
  }

  @Test func anOffloadIsSentAndHedged() {
    var session = Self.whole(Scripted { _ in Self.plan.action })
    _ = session.handle(.observed(Self.here), at: 10.1)
    #expect(
      session.handle(.featuresReady, at: 10.2)
        == [.send(Self.plan, grantedBytes: nil), .compute(exit: 1)])
    #expect(
      session.handle(.exitReady(Fixtures.exit(1, entropy: 0.5)), at: 10.3) == [.compute(exit: 2)])
    #expect(
      session.handle(.deadline, at: 12)
        == [.withdraw, .answer(AnswerRace.Answer(origin: .exit(1), failure: .deadline))])
  }

  /// A stream begun ahead that breaks: the utterance may be sent again, with what is left of the grant.
  @Test func whatALostStreamSpentIsNotThereAnyMore() throws {
    let policy = Scripted(permissions: [.granted(bytes: 9_000)]) { _ in Self.plan.action }
    var session = Self.session(policy)
    #expect(session.handle(.speechBegan(Self.here), at: 5) == [.keepUp(toBlock: 2)])
    let effects = session.handle(
      .heard(seconds: 2, exits: [], blocks: 2, Self.here), at: 7)
    #expect(effects.first == .open(.init(plan: Self.plan, grantedBytes: 9_000)))
    #expect(session.handle(.failed(.lost), at: 8) == [])
    #expect(session.handle(.speechEnded, at: 9) == [.catchUp(toLayer: 0)])
    _ = session.handle(.caughtUp(Self.speech), at: 9)
    var here = Self.here
    here.bytesSpent = 2_500
    #expect(session.handle(.observed(here), at: 9) == [.computeFeatures(layer: 2)])
    #expect(session.evidence?.streamed?.reservedBytes == 6_500)
    #expect(
      session.handle(.featuresReady, at: 9.1).first == .send(Self.plan, grantedBytes: 6_500))
  }

  /// A budget that refuses whatever it is asked for must not hang an utterance.
  @Test func refusalsAreBounded() {
    let policy = Scripted(permissions: Array(repeating: .refused, count: 1_000)) {
      $0.options.splitLayers.isEmpty ? .stop(exit: 1) : Self.plan.action
    }
    var session = Self.whole(policy)
    #expect(session.handle(.observed(Self.here), at: 10.1) == [.compute(exit: 1)])
    #expect(session.decisions.map(\.action) == [.stop(exit: 1)])
  }

  @Test func cancellingWithdrawsWhatIsBeingSent() {
    var session = Self.session(Scripted { _ in Self.plan.action })
    #expect(session.handle(.cancelled, at: 1) == [.giveUp])
    session = Self.session(Scripted { _ in Self.plan.action })
    _ = session.handle(.speechBegan(Self.here), at: 5)
    _ = session.handle(.heard(seconds: 2, exits: [], blocks: 2, Self.here), at: 7)
    #expect(session.handle(.cancelled, at: 8) == [.withdraw, .giveUp])
    #expect(session.handle(.speechEnded, at: 9) == [])
  }

  /// Events in any order, those that make no sense included, under a policy that does anything: every effect is one that
  /// a driver can carry out, and there is at most one answer.
  @Test(arguments: 0..<1_500) func anyOrderOfEvents(seed: UInt64) {
    var random = SplitMix(seed: seed)
    let policy = Scripted { evidence in
      var own = SplitMix(seed: seed &+ UInt64(evidence.exits.count) &* 31 &+ UInt64(evidence.draw))
      return switch Int.random(in: 0..<3, using: &own) {
      case 0: .nextExit
      case 1: .stop(exit: Int.random(in: 0...6, using: &own))
      default: evidence.options.splitLayers.isEmpty ? .nextExit : Self.plan.action
      }
    }
    var session = Self.session(policy, hedge: seed % 2 == 0)
    var time = 0.0
    var isStreaming = false
    var isDeadlinePassed = false
    var isOver = false
    var hasEnded = false
    var computing = 0
    for _ in 0..<60 {
      time += Double.random(in: 0...0.2, using: &random)
      let event: Session.Event =
        switch Int.random(in: 0..<11, using: &random) {
        case 0: .speechBegan(Self.here)
        case 1: .heard(seconds: time, exits: [], blocks: 2, Self.here)
        case 2 where time > 2: .speechEnded
        case 3: .caughtUp(Self.speech)
        case 4, 5: .observed(Self.here)
        case 6, 7: .exitReady(Fixtures.exit(session.exits.count + 1, entropy: 0.5))
        case 8: .featuresReady
        case 9: Bool.random(using: &random) ? .answered : .failed(.lost)
        default:
          Int.random(in: 0..<4, using: &random) == 0 && hasEnded && !isDeadlinePassed
            ? .deadline : .observed(Self.here)
        }
      // A driver tells of an exit only if it was asked for it, and of the deadline only when it has come.
      if case .exitReady = event, computing <= session.exits.count { continue }
      if case .deadline = event {
        isDeadlinePassed = true
        time = max(time, session.deadline ?? 0)
      }
      if case .failed = event { isStreaming = false }
      let effects = session.handle(event, at: time)
      #expect(!isOver || effects.isEmpty)
      for effect in effects {
        switch effect {
        case .open, .keepUp: #expect(!hasEnded)
        case .catchUp:
          #expect(!hasEnded)
          hasEnded = true
        case .observe, .giveUp: break
        case .compute(let exit):
          #expect((1...4).contains(exit) && exit >= computing)
          computing = exit
        case .computeFeatures: #expect(!isDeadlinePassed)
        case .send:
          #expect(!isStreaming && !isDeadlinePassed)
          isStreaming = true
        case .keep: #expect(isStreaming && !isDeadlinePassed)
        case .withdraw:
          #expect(isStreaming)
          isStreaming = false
        case .answer(let answer):
          #expect(!isOver)
          isOver = true
          if case .exit(let exit) = answer.origin { #expect(exit <= session.exits.count) }
          if answer.origin == .edge { #expect(isStreaming) }
        }
        if case .open = effect { isStreaming = true }
      }
    }
  }
}
