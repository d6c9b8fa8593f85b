import Testing

@testable import Simulation

@Suite struct EngineTests {
  @Test func eventsComeInOrderAndTiesKeepTheirs() {
    var generator = SeededGenerator(seed: 3)
    var queue = EventQueue<Int>()
    var expected: [(time: Double, event: Int)] = []
    for event in 0..<5_000 {
      // Few different times, so that most events tie.
      let time = Double(generator.index(below: 40))
      queue.schedule(event, at: time)
      expected.append((time, event))
    }
    expected.sort { ($0.time, $0.event) < ($1.time, $1.event) }
    var seen: [Int] = []
    while let next = queue.next() { seen.append(next.event) }
    #expect(seen == expected.map(\.event))
    #expect(queue.processed == 5_000 && queue.peak == 5_000 && queue.isEmpty)
  }

  @Test func streamsDependOnTheirNumbersOnly() {
    var root = SeededGenerator(seed: 9)
    var first = root.stream(1, 2)
    var second = root.stream(2, 1)
    let a = first.next()
    #expect(a != second.next())
    // SplitMix64's first output for seed 1234567, from its authors' reference.
    var reference = SeededGenerator(seed: 1_234_567)
    #expect(reference.next() == 6_457_827_717_110_365_317)
    _ = root.next()
    var again = SeededGenerator(seed: 9).stream(1, 2)
    #expect(again.next() == a)
  }

  @Test func drawsHaveTheirMeans() {
    var generator = SeededGenerator(seed: 11)
    let count = 200_000
    var exponential = 0.0
    var weighted = [0, 0, 0]
    for _ in 0..<count {
      exponential += generator.exponential(mean: 3)
      weighted[generator.index(weights: [1, 0, 3])] += 1
    }
    #expect(abs(exponential / Double(count) - 3) < 0.05)
    #expect(weighted[1] == 0 && abs(Double(weighted[2]) / Double(count) - 0.75) < 0.01)
  }

  @Test func arrivalsHaveTheirRates() {
    func count(_ process: ArrivalProcess, hours: Double) -> [Double] {
      var generator = SeededGenerator(seed: 4)
      var times: [Double] = []
      var time = 0.0
      while true {
        time = process.next(after: time, number: times.count, generator: &generator)
        if time >= hours * 3600 { return times }
        times.append(time)
      }
    }
    #expect(abs(Double(count(.poisson(perHour: 30), hours: 1_000).count) / 30_000 - 1) < 0.03)
    let weights = (0..<24).map { $0 < 12 ? 0.0 : 1.0 }
    let day = count(.diurnal(perHour: 10, hourWeights: weights), hours: 24 * 100)
    #expect(abs(Double(day.count) / 24_000 - 1) < 0.03)
    #expect(day.allSatisfy { Int($0 / 3600) % 24 >= 12 })
    let bursts = count(.bursts(burstsPerHour: 2, length: 5, pauseSeconds: 3), hours: 1_000)
    #expect(abs(Double(bursts.count) / 10_000 - 1) < 0.06)
  }

  @Test func linksWaitForOutagesAndQueues() {
    let moment = LinkMoment(roundTrip: 0.1)
    let conditions = LinkConditions(roundTrip: 0.1)
    let plain = SimulatedLink(trace: .constant(bitsPerSecond: 8_000), conditions: conditions)
    #expect(abs(plain.arrival(bytes: 1_000, startingAt: 5, moment: moment) - 6.05) < 1e-9)
    let link = SimulatedLink(
      trace: .constant(bitsPerSecond: 8_000), offset: 0.25,
      outages: Outages(windows: [5.5...7, 6...8, 9...10]), conditions: conditions)
    // Half a second before the outage, half a second after it.
    #expect(abs(link.arrival(bytes: 1_000, startingAt: 5, moment: moment) - 8.55) < 1e-9)
    #expect(abs(link.bytesSent(from: 5, to: 9.5) - 1_500) < 1e-6)
    #expect(link.rate(at: 6.5) == 0 && link.rate(at: 8.5) == 8_000)
    #expect(link.answer(startingAt: 8.98, moment: moment) == 10)
    let queued = LinkMoment(roundTrip: 0.1, queuedBytes: 500, tailLosses: 1)
    #expect(
      abs(plain.arrival(bytes: 1_000, startingAt: 0, moment: queued) - (1.5 + 0.2 + 0.05)) < 1e-9)
    let lossy = SimulatedLink(
      trace: .constant(bitsPerSecond: 8_000), conditions: LinkConditions(roundTrip: 0.1, loss: 0.2))
    #expect(abs(lossy.arrival(bytes: 1_000, startingAt: 0, moment: moment) - 1.3) < 1e-9)
  }

  /// Mean waits against queueing theory: M/M/1 waits ρ/(1-ρ) services, M/M/2 with ρ = 0.8 waits 1.7778.
  @Test func backgroundWaitsAsTheorySays() {
    func meanWait(workers: Int, utilisation: Double) -> Double {
      let load = BackgroundLoad(
        EdgeConfiguration(
          workers: workers, operationsPerSecond: 1e9,
          background: [.init(fromSecond: 0, utilisation: utilisation)],
          backgroundServiceSeconds: 0.1),
        seconds: 40_000, generator: SeededGenerator(seed: 2))
      // Poisson arrivals see time averages: so do instants on a grid.
      var sum = 0.0
      for second in 0..<40_000 { sum += load.wait(at: Double(second) + 0.5) }
      return sum / 40_000 / 0.1
    }
    #expect(abs(meanWait(workers: 1, utilisation: 0.6) / 1.5 - 1) < 0.1)
    #expect(abs(meanWait(workers: 2, utilisation: 0.8) / 1.7778 - 1) < 0.15)
  }

  @Test func theEdgeAdmitsAndRefusesAsTheRealOne() {
    var edge = SimulatedEdge(
      EdgeConfiguration(
        workers: 1, operationsPerSecond: 1e9, queueLimit: 2, streamLimit: 3))
    func job(_ id: Int) -> SimulatedEdge.Job { .exchange(id: id, serial: 0, operations: 1e9) }
    #expect(edge.expectedWait == 0)
    for id in 0..<3 {
      let admitted = edge.admit()
      let queued = edge.enqueue(job(id))
      #expect(admitted && queued)
      _ = edge.dispatch()
    }
    let fourth = edge.admit()
    #expect(!fourth, "three streams are all")
    #expect(edge.running == 1 && edge.queued == 2)
    let overfull = edge.enqueue(job(3))
    #expect(!overfull, "the queue is full")
    let others = edge.enqueue(.background(service: 1))
    #expect(others, "others' work is never refused")
    edge.finish(seconds: 2)
    // WaitEstimate: the mean of one observation times the load, by the threads.
    #expect(edge.expectedWait == 2 * 3)
    let next = edge.dispatch()
    #expect(next == job(1), "first come, first served")
    edge.crash()
    #expect(edge.load == 0 && edge.streams == 0 && edge.expectedWait == 0)
  }
}
