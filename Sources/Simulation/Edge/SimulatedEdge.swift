import Offload

/// The edge's queue in virtual time: first come, first served, N workers, bounded, with the admission of
/// Edge/Library/EdgeService.swift and the shipped `WaitEstimate`.
///
/// Pure state: the fleet hands in times and schedules the ends of services.
public struct SimulatedEdge: Sendable {
  /// A device's utterance, or one of the others' jobs.
  public enum Job: Sendable, Hashable {
    /// The exchange's slot and serial number, and operations to do.
    case exchange(id: Int, serial: Int, operations: Double)
    case background(service: Double)
  }

  public let configuration: EdgeConfiguration
  /// Utterances under way, from admission to answer.
  public private(set) var streams = 0
  public private(set) var running = 0
  private var queue: [Job] = []
  /// Jobs before it in `queue` are gone; the array is cut now and then.
  private var head = 0
  private var waits = WaitEstimate()
  /// Counts crashes: what was begun before one never ends.
  public private(set) var generation = 0

  public init(_ configuration: EdgeConfiguration) { self.configuration = configuration }

  public var queued: Int { queue.count - head }
  /// Utterances that wait or are computed.
  public var load: Int { queued + running }

  /// Seconds that an utterance coming now is told to expect.
  public var expectedWait: Double { waits.seconds(queued: load, threads: configuration.workers) }

  /// Seconds that `operations` take one worker.
  public func serviceSeconds(_ operations: Double) -> Double {
    operations / configuration.operationsPerSecond
  }

  /// An utterance's first packet: false if it is refused for overload.
  public mutating func admit() -> Bool {
    guard streams < configuration.streamLimit, queued < configuration.queueLimit else {
      return false
    }
    streams += 1
    return true
  }

  /// An utterance that was admitted is over.
  public mutating func release() { streams = max(0, streams - 1) }

  /// A job that is complete: false if the queue is full. Others' jobs are never refused, so that the
  /// background is the same whatever the devices do.
  public mutating func enqueue(_ job: Job) -> Bool {
    if case .exchange = job, running >= configuration.workers, queued >= configuration.queueLimit {
      return false
    }
    queue.append(job)
    return true
  }

  /// The next job for a free worker; nil if all are busy or nothing waits.
  public mutating func dispatch() -> Job? {
    guard running < configuration.workers, queued > 0 else { return nil }
    running += 1
    let job = queue[head]
    head += 1
    if head > 1_024, head * 2 > queue.count {
      queue.removeFirst(head)
      head = 0
    }
    return job
  }

  /// A worker has become free, after `seconds` of an utterance, or after something that does not count
  /// for the estimate (nil).
  public mutating func finish(seconds: Double?) {
    running = max(0, running - 1)
    if let seconds { waits.observe(seconds: seconds) }
  }

  /// Everything under way is lost.
  public mutating func crash() {
    generation += 1
    streams = 0
    running = 0
    queue.removeAll()
    head = 0
    waits = WaitEstimate()
  }
}
