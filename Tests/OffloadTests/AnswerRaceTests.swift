import Testing

@testable import Offload

@Suite("Who answers an utterance")
struct AnswerRaceTests {
  typealias Answer = AnswerRace.Answer

  /// What a race of a model with three exits says to events, from its beginning on.
  private func steps(
    _ aim: AnswerRace.Aim, ready: Int = 0, _ events: [AnswerRace.Event]
  ) -> [AnswerRace.Step] {
    var race = AnswerRace(aim: aim, exitsReady: ready, exitCount: 3)
    return [race.begin()] + events.map { race.handle($0) }
  }

  @Test func anExitThatIsThereAnswersAtOnce() {
    #expect(steps(.exit(2), ready: 2, []) == [.answer(Answer(origin: .exit(2)))])
    #expect(steps(.exit(1), ready: 3, []) == [.answer(Answer(origin: .exit(1)))])
  }

  @Test func anExitThatIsNotThereIsComputed() {
    #expect(
      steps(.exit(2), [.exitReady, .exitReady])
        == [.compute(exit: 1), .compute(exit: 2), .answer(Answer(origin: .exit(2)))])
    // No exit of the model is deeper than the last.
    #expect(steps(.exit(9), ready: 2, [.exitReady]).last == .answer(Answer(origin: .exit(3))))
  }

  @Test func atTheDeadlineTheDeepestExitAnswers() {
    #expect(
      steps(.exit(3), [.exitReady, .deadline])
        == [.compute(exit: 1), .compute(exit: 2), .answer(Answer(origin: .exit(1)))])
    #expect(
      steps(.edge(hedges: true), ready: 1, [.exitReady, .deadline]).last
        == .answer(Answer(origin: .exit(2), failure: .deadline)))
  }

  @Test func lateIsBetterThanNothing() {
    for aim in [AnswerRace.Aim.exit(3), .edge(hedges: true)] {
      let failure: EdgeFailure? = aim == .exit(3) ? nil : .deadline
      #expect(
        steps(aim, [.deadline, .answered, .exitReady]) == [
          .compute(exit: 1), .compute(exit: 1), .wait,
          .answer(Answer(origin: .exit(1), failure: failure)),
        ])
    }
  }

  @Test func theEdgeAnswersWhenItIsInTime() {
    let answer = AnswerRace.Step.answer(Answer(origin: .edge))
    #expect(steps(.edge(hedges: false), [.answered]) == [.wait, answer])
    #expect(
      steps(.edge(hedges: true), [.exitReady, .answered, .deadline])
        == [.compute(exit: 1), .compute(exit: 2), answer, answer])
  }

  @Test func anEdgeThatFailsLeavesTheAnswerToTheLastExit() {
    let last = AnswerRace.Step.answer(Answer(origin: .exit(3), failure: .lost))
    #expect(steps(.edge(hedges: true), ready: 2, [.failed(.lost), .exitReady]).last == last)
    #expect(steps(.edge(hedges: true), ready: 3, [.failed(.lost)]) == [.wait, last])
    // What it says after it has failed is not heard.
    #expect(steps(.edge(hedges: true), ready: 2, [.failed(.lost), .answered]).last == .wait)
    #expect(
      steps(.edge(hedges: true), ready: 2, [.failed(.refused), .deadline]).last
        == .answer(Answer(origin: .exit(2), failure: .refused)))
  }

  @Test func withoutAHedgeThereIsNoAnswer() {
    for (event, failure) in [
      (AnswerRace.Event.failed(.unreachable), EdgeFailure.unreachable), (.deadline, .deadline),
    ] {
      #expect(
        steps(.edge(hedges: false), ready: 2, [event])
          == [.wait, .answer(Answer(origin: .none, failure: failure))])
    }
  }

  /// Whatever comes in whatever order: what was answered is there, comes from where it may, and is never taken back.
  @Test(arguments: 0..<2_000) func anyOrderOfEvents(seed: UInt64) {
    var random = SplitMix(seed: seed)
    let aim: AnswerRace.Aim =
      switch seed % 3 {
      case 0: .exit(Int.random(in: 0...5, using: &random))
      case 1: .edge(hedges: true)
      default: .edge(hedges: false)
      }
    var race = AnswerRace(
      aim: aim, exitsReady: Int.random(in: 0...3, using: &random), exitCount: 3)
    var step = race.begin()
    var wanted: Int?
    var hasAnswered = false
    var hasEnded = false
    var answer: AnswerRace.Answer?
    for _ in 0..<12 {
      if case .compute(let exit) = step {
        #expect(exit == race.exitsReady + 1 && exit <= 3)
        wanted = exit
      }
      if case .answer(let given) = step {
        #expect(answer == nil || answer == given)
        answer = given
        switch given.origin {
        case .exit(let exit): #expect((1...race.exitsReady).contains(exit))
        case .edge: #expect(hasAnswered && given.failure == nil)
        case .none: #expect(aim == .edge(hedges: false) && given.failure != nil)
        }
      } else {
        #expect(answer == nil)
        // Nothing is waited for that cannot come.
        #expect(wanted != nil || !hasEnded)
      }
      switch Int.random(in: 0..<4, using: &random) {
      case 0 where wanted != nil:
        wanted = nil
        step = race.handle(.exitReady)
      case 1:
        hasAnswered = true
        step = race.handle(.answered)
      case 2: step = race.handle(.failed(.lost))
      case 3 where !hasEnded:
        hasEnded = true
        step = race.handle(.deadline)
      default: break
      }
    }
    #expect(!hasEnded || answer != nil || wanted != nil)
  }
}
