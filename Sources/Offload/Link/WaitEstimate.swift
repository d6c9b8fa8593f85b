/// How long an utterance that comes now will wait: a pure function of what went before.
///
/// The work of an utterance is taken to be the recent mean, exponentially weighted; the wait is
/// the work in front of it, shared by the threads.
public struct WaitEstimate: Sendable {
  private var meanSeconds: Double?
  private static let weight = 0.1

  public init() {}

  /// An utterance took `seconds` to compute.
  public mutating func observe(seconds: Double) {
    meanSeconds = meanSeconds.map { $0 + Self.weight * (seconds - $0) } ?? seconds
  }

  /// Seconds, for `queued` utterances waiting for `threads` threads.
  public func seconds(queued: Int, threads: Int) -> Double {
    (meanSeconds ?? 0) * Double(queued) / Double(max(1, threads))
  }
}
