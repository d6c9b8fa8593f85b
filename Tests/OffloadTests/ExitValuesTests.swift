import Testing

@testable import Offload

@Suite struct ExitValuesTests {
  private static let second = ConfidenceClasses(
    limits: [0.5], share: [0.5, 0.5], errorRate: [0.6, 0.1], edgeErrorRate: [0.2, 0.05])
  private static let first = ConfidenceClasses(
    limits: [0.5], share: [0.5, 0.5], errorRate: [0.8, 0.2], edgeErrorRate: [0.3, 0.1],
    next: [[0.7, 0.3], [0.1, 0.9]])

  private static func exit(_ number: Int, _ classes: ConfidenceClasses) -> FittedExit {
    var entry = CalibrationEntry(
      exit: number, afterBlock: 2 * number, criterion: .sentencePosterior, threshold: nil)
    entry.classes = classes
    return FittedExit(entry)
  }

  private func stages(_ offload: ExitValues.Offload?) -> [ExitValues.Stage] {
    [
      .init(exit: Self.exit(1, Self.first), step: 0.1, offload: offload),
      .init(exit: Self.exit(2, Self.second), step: 0.05, offload: offload),
    ]
  }

  @Test func withoutAnEdgeItIsStopOrGoOn() {
    let values = ExitValues(stages(nil), word: 2).values
    // Unsure: on costs 0.05 and then 2 * (0.7 * 0.6 + 0.3 * 0.1); sure: on costs 0.05 + 2 * (0.06 + 0.09) = 0.35.
    #expect(abs(values[0] - (0.05 + 2 * (0.42 + 0.03))) < 1e-9)
    #expect(abs(values[1] - 0.35) < 1e-9)
  }

  /// The worth of going on is that an exit which turns out unsure can still be offloaded.
  @Test func whatIsLearntOnTheWayHasItsWorth() {
    let offload = ExitValues.Offload(cost: 0.3, inTime: 1)
    let values = ExitValues(stages(offload), word: 2).values
    let unsureThen = min(1.2, 0.3 + 0.4)
    let sureThen = 0.2
    #expect(abs(values[0] - min(1.6, 0.3 + 0.6, 0.05 + 0.7 * unsureThen + 0.3 * sureThen)) < 1e-9)
    #expect(values[0] < 0.05 + 2 * (0.42 + 0.03))
    #expect(abs(values[1] - min(0.4, 0.5, 0.05 + 0.1 * unsureThen + 0.9 * sureThen)) < 1e-9)
  }

  @Test func anAnswerThatIsLateIsTheDeepestExits() {
    let late = ExitValues.Offload(cost: 0.3, inTime: 0)
    let exits = ExitValues(stages(late), word: 2)
    #expect(exits.values == ExitValues(stages(nil), word: 2).values)
    #expect(abs(exits.fallbackRates[0] - 0.45) < 1e-9)
    #expect(abs(ExitValues.expectation(exits.fallbackRates, after: [0, 1]) - 0.15) < 1e-9)
  }
}
