/// What others ask of the edge, drawn before the run from the seed, so that it is the same for all policies.
///
/// Jobs come as a Poisson process whose rate follows the configured utilisation; service times are
/// exponential; first come, first served (Kiefer and Wolfowitz's workload recursion). A job that would find the
/// queue full is refused, which is settled here, without the devices. `wait(at:)` is what a job would wait that came
/// beside them and got into nobody's way.
public struct BackgroundLoad: Sendable {
  public struct Job: Sendable, Hashable {
    public var time: Double
    public var service: Double
  }

  public let jobs: [Job]
  /// After the job of the same index came: when the first worker becomes free.
  private let firstFree: [Double]
  private let crashes: Outages

  public init(_ configuration: EdgeConfiguration, seconds: Double, generator: SeededGenerator) {
    var generator = generator
    var jobs: [Job] = []
    var firstFree: [Double] = []
    let levels = configuration.background
    let peak = levels.map(\.utilisation).max() ?? 0
    crashes = configuration.crashes
    if peak > 0 {
      let mean = configuration.backgroundServiceSeconds
      let peakRate = peak * Double(configuration.workers) / mean
      var free = Array(repeating: 0.0, count: configuration.workers)
      var time = 0.0
      var level = 0
      while true {
        time += generator.exponential(mean: 1 / peakRate)
        if time >= seconds { break }
        while level + 1 < levels.count, levels[level + 1].fromSecond <= time { level += 1 }
        let utilisation = time < levels[0].fromSecond ? 0 : levels[level].utilisation
        // Thinning (Lewis and Shedler 1979): both draws always happen.
        let keeps = generator.uniform() * peak < utilisation
        let service = generator.exponential(mean: mean)
        guard keeps else { continue }
        if let crash = crashes.next(at: time), crash.contains(time) {
          // A dead edge takes nothing, and is empty when it comes back.
          for worker in free.indices { free[worker] = crash.upperBound }
          continue
        }
        // The earliest free worker takes it.
        var earliest = 0
        for worker in free.indices where free[worker] < free[earliest] { earliest = worker }
        guard free[earliest] - time <= configuration.fullQueueSeconds else { continue }
        free[earliest] = max(free[earliest], time) + service
        jobs.append(Job(time: time, service: service))
        firstFree.append(free.min() ?? 0)
      }
    }
    self.jobs = jobs
    self.firstFree = firstFree
  }

  /// Seconds that a job coming at `time` waits for a worker.
  public func wait(at time: Double) -> Double {
    var lower = 0
    var upper = jobs.count
    while lower < upper {
      let middle = (lower + upper) / 2
      if jobs[middle].time <= time { lower = middle + 1 } else { upper = middle }
    }
    guard lower > 0 else { return 0 }
    return max(0, firstFree[lower - 1] - time)
  }
}
