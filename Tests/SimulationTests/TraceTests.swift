import Foundation
import Testing

@testable import Simulation

@Suite struct TraceTests {
  private func error(_ text: String) -> TraceError? {
    do throws(TraceError) {
      _ = try RateTraceReader.parse(text, path: "t")
      return nil
    } catch { return error }
  }

  @Test func ratesHoldUntilTheNextLine() throws {
    let trace = try RateTraceReader.parse("# made up\n0 1\n0.5 0\n1 2\n", path: "t")
    #expect(trace.rates == [1e6, 0, 2e6])
    #expect(trace.period == 1.5)
    #expect(trace.rate(at: 0.49) == 1e6)
    #expect(trace.rate(at: 0.5) == 0)
    // After its end it begins anew.
    #expect(trace.rate(at: 1.5) == 1e6)
    #expect(trace.bits(from: 0, to: 1.5) == 0.5e6 + 1e6)
  }

  @Test(
    "Lines end as on any system, and a wrong one is counted so", arguments: ["\n", "\r\n", "\r"])
  func lineEnds(end: String) throws {
    let text = ["# made up", "0 1", "", "0.5 0", "1 2"].joined(separator: end)
    for whole in [text, text + end] {
      #expect(try RateTraceReader.parse(whole, path: "t").rates == [1e6, 0, 2e6])
    }
    #expect(
      error(["0 1", "1 -2"].joined(separator: end)) == .negativeRate(path: "t", line: 2, rate: -2))
    let packets = try PacketOpportunityReader.parse(
      ["1", "5", "5"].joined(separator: end), path: "m")
    #expect(packets.period == 0.005)
    let path = NSTemporaryDirectory() + "tandem-trace-\(UUID().uuidString).txt"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(("\u{FEFF}" + "0 1" + end + "1 2" + end).utf8).write(to: URL(fileURLWithPath: path))
    #expect(try RateTraceReader.read(path: path).rates == [1e6, 2e6])
  }

  @Test func whatIsWrongIsNamed() {
    #expect(error("") == .empty(path: "t"))
    #expect(error("# only words\n\n") == .empty(path: "t"))
    #expect(error("0 1\n1 -2") == .negativeRate(path: "t", line: 2, rate: -2))
    #expect(error("0 1\n1 nan") == .notFinite(path: "t", line: 2))
    #expect(error("5 1\n6 1") == .lateStart(path: "t", seconds: 5))
    #expect(
      error("0 1\n2 1\n1 1") == .unsortedTimes(path: "t", line: 3, earlier: 2, later: 1))
    #expect(error("0 1\n0 1") == .unsortedTimes(path: "t", line: 2, earlier: 0, later: 0))
    #expect(error("0 1\n1 1\n100 1") == .gap(path: "t", line: 3, seconds: 99, longest: 30))
    #expect(error("0 1\n1 1500000") == .otherUnits(path: "t", line: 2, rate: 1_500_000))
    #expect(error("0 0\n1 0") == .neverSends(path: "t"))
    guard case .malformedLine(_, 2, "1 5 Mbit/s", _) = error("0 1\n1 5 Mbit/s") else {
      Issue.record("a unit must be named as what does not belong there")
      return
    }
    #expect(error("0 1\n1 0\n2 3") == nil, "zero is an outage and allowed")
    // Every message names the place and says what to do.
    #expect("\(TraceError.gap(path: "t", line: 3, seconds: 99, longest: 30))".contains("t:3"))
  }

  @Test func opportunitiesAreFifteenHundredBytes() throws {
    let trace = try PacketOpportunityReader.parse("1\n1\n3\n10\n", path: "m")
    #expect(trace.period == 0.010)
    #expect(abs(trace.bits(from: 0, to: 0.010) - 4 * 12_000) < 1e-6)
    // The third packet has left when its opportunity is over.
    #expect(abs(trace.finish(bits: 3 * 12_000, startingAt: 0) - 0.003) < 1e-9)
    #expect(abs(trace.finish(bits: 5 * 12_000, startingAt: 0) - 0.0105) < 1e-9)
    #expect(throws: TraceError.empty(path: "m")) {
      try PacketOpportunityReader.parse("", path: "m")
    }
    #expect(throws: TraceError.unsortedTimes(path: "m", line: 2, earlier: 0.005, later: 0.004)) {
      try PacketOpportunityReader.parse("5\n4\n", path: "m")
    }
    #expect(throws: TraceError.self) { try PacketOpportunityReader.parse("5.5\n", path: "m") }
    #expect(throws: TraceError.self) { try PacketOpportunityReader.parse("-3\n", path: "m") }
    #expect(throws: TraceError.self) {
      try PacketOpportunityReader.parse("1\n1600000000000\n", path: "m")
    }
  }

  /// Exact integration against a sum of small steps, on random traces with outages, over several periods.
  @Test func transfersAreIntegrals() throws {
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<50 {
      let model = RateModel.gilbertElliott(
        goodMegabitsPerSecond: 2, badMegabitsPerSecond: 0, goodSeconds: 1, badSeconds: 0.5)
      let trace = model.trace(seconds: 10, generator: &generator)
      let start = generator.uniform() * 25
      let bits = generator.uniform() * 3e7
      let finish = trace.finish(bits: bits, startingAt: start)
      #expect(abs(trace.bits(from: start, to: finish) - bits) < 1)
      var sum = 0.0
      let steps = 200_000
      let step = (finish - start) / Double(steps)
      for index in 0..<steps { sum += trace.rate(at: start + (Double(index) + 0.5) * step) * step }
      #expect(abs(sum - bits) < 2e6 * step * 60)
      // Not a moment later than needed: the link was sending up to the end.
      #expect(trace.bits(from: start, to: finish - 1e-6) < bits)
    }
  }

  @Test func aTransferThatEndsWithThePeriodDoesNotWaitForTheNext() {
    let trace = RateTrace(starts: [0, 1], rates: [0, 1e6], period: 2)
    #expect(trace.finish(bits: 1e6, startingAt: 0) == 2)
    #expect(trace.finish(bits: 2e6, startingAt: 0) == 4)
    #expect(trace.finish(bits: 0, startingAt: 0.3) == 0.3)
  }

  @Test func sharesScale() throws {
    let trace = RateTrace.constant(bitsPerSecond: 10e6)
    #expect(try trace.scaled(by: 0.05).rate(at: 3) == 0.5e6)
    for share in [0, -1, .infinity, .nan] {
      #expect(throws: TraceError.self) { try trace.scaled(by: share) }
    }
  }

  @Test func generatorsAreSeededAndHaveTheirRates() {
    func make(_ model: RateModel, seed: UInt64) -> RateTrace {
      var generator = SeededGenerator(seed: seed)
      return model.trace(seconds: 20_000, generator: &generator)
    }
    let bursty = RateModel.gilbertElliott(
      goodMegabitsPerSecond: 4, badMegabitsPerSecond: 0.1, goodSeconds: 6, badSeconds: 2)
    #expect(make(bursty, seed: 1) == make(bursty, seed: 1))
    #expect(make(bursty, seed: 1) != make(bursty, seed: 2))
    #expect(abs(make(bursty, seed: 1).meanRate - (4 * 0.75 + 0.1 * 0.25) * 1e6) < 0.15e6)
    #expect(make(.constant(megabitsPerSecond: 3), seed: 1).meanRate == 3e6)
    let chain = RateModel.markov(
      stepSeconds: 1, megabitsPerSecond: [0, 1, 8],
      rows: [[0.5, 0.5, 0], [0.1, 0.8, 0.1], [0, 0.2, 0.8]])
    // Stationary shares by detailed balance: 2, 10 and 5 seventeenths.
    #expect(abs(make(chain, seed: 3).meanRate - (10 + 5 * 8) / 17 * 1e6) < 0.2e6)
    // A chain that sits in an outage must still let a simulation end.
    let dead = RateModel.markov(
      stepSeconds: 1, megabitsPerSecond: [0, 5], rows: [[1, 0], [1, 0]])
    #expect(make(dead, seed: 1).meanRate > 0)
  }

  @Test func aFitHasTheRatesAndOutagesOfWhatItWasFittedTo() throws {
    var generator = SeededGenerator(seed: 5)
    let truth = RateModel.markov(
      stepSeconds: 1, megabitsPerSecond: [0, 1, 8],
      rows: [[0.5, 0.5, 0], [0.1, 0.8, 0.1], [0, 0.2, 0.8]])
    let recordings = (0..<5).map { _ in truth.trace(seconds: 2_000, generator: &generator) }
    guard
      case .markov(_, let rates, let rows) = MarkovFit.fit(recordings, states: 2, stepSeconds: 1)
    else {
      Issue.record("a fit is a Markov chain")
      return
    }
    #expect(rates.count == 3 && rates[0] == 0)
    #expect(abs(rows[0][0] - 0.5) < 0.1)
    for row in rows { #expect(abs(row.reduce(0, +) - 1) < 1e-9) }
  }

  /// Every real recording can be read; the Mahimahi files agree with their binned copies.
  @Test(.enabled(if: Fixtures.shared != nil, "../shared/traces is not here"))
  func realRecordingsAreRead() throws {
    let traces = try #require(Fixtures.shared) + "/traces"
    var count = 0
    for family in try FileManager.default.contentsOfDirectory(atPath: traces).sorted()
    where family != "README.md" {
      for file in try TraceLibrary.files(in: "\(traces)/\(family)") {
        let trace = try TraceLibrary.read(path: file)
        #expect(trace.meanRate > 0, "\(file)")
        count += 1
        guard file.hasSuffix(".mahi") else { continue }
        let binned = file.replacingOccurrences(of: ".mahi", with: "_500ms.txt")
        if FileManager.default.fileExists(atPath: binned) {
          let copy = try TraceLibrary.read(path: binned)
          #expect(abs(copy.meanRate / trace.meanRate - 1) < 0.02, "\(file)")
        }
      }
    }
    #expect(count > 300)
  }
}
