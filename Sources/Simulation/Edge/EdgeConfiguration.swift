/// An edge server as the simulation sees it: the knobs of Config/edge.yaml, its speed, and what befalls it.
public struct EdgeConfiguration: Sendable, Hashable {
  /// Threads that compute: `inference.threads`.
  public var workers: Int
  /// Operations/s of one of them.
  public var operationsPerSecond: Double
  /// Utterances that may wait for a thread: `inference.queueLimit`.
  public var queueLimit: Int
  /// Utterances at a time: `limits.streams`.
  public var streamLimit: Int
  /// Whether devices get into each other's way. If not, an utterance waits only for the background load, so that
  /// every utterance's best cost is known exactly.
  public var isShared: Bool
  /// Share of the workers that others keep busy, by the time of day: hours from 0, ascending.
  public var background: [BackgroundLevel]
  /// Mean seconds of one of the others' jobs, exponentially distributed.
  public var backgroundServiceSeconds: Double
  /// Seconds of virtual time in which the edge is dead.
  public var crashes: Outages

  /// From this second of the run on, this share of the workers is busy for others.
  public struct BackgroundLevel: Sendable, Hashable {
    public var fromSecond: Double
    public var utilisation: Double

    public init(fromSecond: Double, utilisation: Double) {
      self.fromSecond = fromSecond
      self.utilisation = utilisation
    }
  }

  /// Seconds that an utterance waits that takes the queue's last place, on average.
  var fullQueueSeconds: Double {
    Double(queueLimit) * backgroundServiceSeconds / Double(workers)
  }

  public init(
    workers: Int, operationsPerSecond: Double, queueLimit: Int = 64, streamLimit: Int = 256,
    isShared: Bool = true, background: [BackgroundLevel] = [],
    backgroundServiceSeconds: Double = 0.1, crashes: Outages = .none
  ) {
    self.workers = workers
    self.operationsPerSecond = operationsPerSecond
    self.queueLimit = queueLimit
    self.streamLimit = streamLimit
    self.isShared = isShared
    self.background = background
    self.backgroundServiceSeconds = backgroundServiceSeconds
    self.crashes = crashes
  }
}
