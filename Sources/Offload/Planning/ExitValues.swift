/// What it costs, in expectation, to stand at an exit and do the best from there: by dynamic programming over exits and
/// classes of confidence, from the deepest exit that can be reached back.
///
/// What one learns on the way has its worth in it: an exit that turns out unsure may still be offloaded.
public struct ExitValues: Sendable {
  /// An exit that is still to come, and the cheapest offload there.
  public struct Stage: Sendable {
    var exit: FittedExit
    /// Cost units of coming here from the exit before.
    var step: Double
    var offload: Offload?

    /// - Parameter offload: nil where there is none.
    public init(exit: FittedExit, step: Double, offload: Offload?) {
      self.exit = exit
      self.step = step
      self.offload = offload
    }
  }

  /// An offload's costs but for errors, and how likely its answer is in time.
  public struct Offload: Sendable {
    var cost: Double
    var inTime: Double

    /// - Parameters:
    ///   - cost: cost units, from the stage on.
    ///   - inTime: probability that the edge's answer counts.
    public init(cost: Double, inTime: Double) {
      self.cost = cost
      self.inTime = inTime
    }
  }

  /// By class of the first stage.
  public private(set) var values: [Double] = []

  /// - Parameters:
  ///   - stages: in order; at least one.
  ///   - word: cost units of a word that is wrong.
  public init(_ stages: [Stage], word: Double) {
    var fallback: [Double] = []
    for (index, stage) in stages.enumerated().reversed() {
      guard let classes = stage.exit.classes else { continue }
      let next = index + 1 < stages.count ? stages[index + 1].step : nil
      let (errorRate, edgeErrorRate, rows) = (
        classes.errorRate, classes.edgeErrorRate, classes.next
      )
      var own: [Double] = []
      var ownFallback: [Double] = []
      own.reserveCapacity(errorRate.count)
      ownFallback.reserveCapacity(errorRate.count)
      for place in errorRate.indices {
        let stop = errorRate[place]
        var best = stop * word
        var rate = stop
        if let next {
          var later = 0.0
          rate = 0
          for (following, probability) in rows[place].enumerated() {
            later += probability * values[following]
            rate += probability * fallback[following]
          }
          best = min(best, next + later)
        }
        if let offload = stage.offload {
          let errors = offload.inTime * edgeErrorRate[place] + (1 - offload.inTime) * rate
          best = min(best, offload.cost + errors * word)
        }
        own.append(best)
        ownFallback.append(rate)
      }
      values = own
      fallback = ownFallback
    }
    fallbackRates = fallback
  }

  /// Error rates of the deepest exit, by class of the first stage.
  private(set) var fallbackRates: [Double] = []

  /// What to expect of a list by class, after a class of the exit before, or, with nil, before any exit.
  public static func expectation(_ values: [Double], after row: [Double]) -> Double {
    var sum = 0.0
    for (value, probability) in zip(values, row) { sum += value * probability }
    return sum
  }
}
