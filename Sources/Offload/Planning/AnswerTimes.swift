/// When an offload's answer is back, in three numbers: seconds from now.
///
/// Their mean with the weights 0.3, 0.4 and 0.3 is Swanson's rule for the mean of a skewed distribution from
/// its tenth, median and ninetieth percentile (Hurst, Brown and Swanson, AAPG Bulletin 84(12), 2000).
public struct AnswerTimes: Hashable, Sendable {
  public var tenth: Double
  public var median: Double
  public var ninetieth: Double

  public init(tenth: Double, median: Double, ninetieth: Double) {
    self.tenth = tenth
    self.median = median
    self.ninetieth = ninetieth
  }

  /// Percentiles of an exponential distribution with mean 1: how long one waits in a queue whose mean wait is
  /// known (M/M/1, given that one waits).
  private static let wait = Percentiles(tenth: 0.105, median: 0.693, ninetieth: 2.303)

  /// The times of an offload over what is known of link and edge. Bad bandwidth, bad round trip and bad wait
  /// are taken to come together: the pessimistic end is what a deadline must be held against.
  init(_ parts: OffloadParts, link: LinkEstimate, edge: EdgeEstimate, model: CostModel) {
    let fixed = parts.deviceSeconds + parts.serverSeconds
    let bandwidth = link.bandwidth
    let roundTrip = link.roundTrip
    func seconds(_ bandwidth: Double?, _ roundTrip: Double?, _ wait: Double) -> Double {
      fixed + parts.bits / max(bandwidth ?? model.assumedBandwidth, 1)
        + (roundTrip ?? model.assumedRoundTrip) + edge.expectedWait * wait
    }
    tenth = seconds(bandwidth?.ninetieth, roundTrip?.tenth, Self.wait.tenth)
    median = seconds(bandwidth?.median, roundTrip?.median, Self.wait.median)
    ninetieth = seconds(bandwidth?.tenth, roundTrip?.ninetieth, Self.wait.ninetieth)
  }

  /// Expected seconds until there is an answer, and the probability that it is the edge's: at the deadline
  /// the device's own transcript is given.
  func expectation(deadline: Double) -> (seconds: Double, inTime: Double) {
    var seconds = 0.0
    var inTime = 0.0
    func add(_ time: Double, _ weight: Double) {
      if time <= deadline {
        seconds += weight * time
        inTime += weight
      } else {
        seconds += weight * max(deadline, 0)
      }
    }
    add(tenth, 0.3)
    add(median, 0.4)
    add(ninetieth, 0.3)
    return (seconds, inTime)
  }
}
