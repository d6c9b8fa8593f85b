/// A link's rate over time: constant on pieces, and repeated from the start after its end.
///
/// Transfers are exact: the time that n bytes take is found by integrating the rate, not by stepping.
public struct RateTrace: Sendable, Hashable {
  /// Seconds at which pieces begin, ascending from 0.
  public let starts: [Double]
  /// Bits/s on each piece; 0 is an outage.
  public let rates: [Double]
  /// Seconds after which the trace begins anew.
  public let period: Double
  /// Bits sent before each piece, and in the whole period.
  private let bitsBefore: [Double]

  /// - Parameters:
  ///   - starts: ascending, the first is 0, the last is below `period`.
  ///   - rates: one a piece, finite and not negative, one of them positive.
  ///   - period: seconds.
  ///
  /// Readers and generators check what comes from outside; a mistake here is a programming error.
  public init(starts: [Double], rates: [Double], period: Double) {
    precondition(!starts.isEmpty && starts.count == rates.count && starts[0] == 0)
    precondition(starts[starts.count - 1] < period && rates.contains { $0 > 0 })
    self.starts = starts
    self.rates = rates
    self.period = period
    var bits = [0.0]
    bits.reserveCapacity(starts.count + 1)
    for index in starts.indices {
      let end = index + 1 < starts.count ? starts[index + 1] : period
      bits.append(bits[index] + rates[index] * (end - starts[index]))
    }
    bitsBefore = bits
  }

  /// The same rate for ever.
  public static func constant(bitsPerSecond: Double) -> RateTrace {
    RateTrace(starts: [0], rates: [bitsPerSecond], period: 1)
  }

  /// Every rate times `share`: what is left for speech of a link that others use too.
  /// - Throws: `TraceError.badShare`.
  public func scaled(by share: Double) throws(TraceError) -> RateTrace {
    guard share > 0, share.isFinite else { throw .badShare(share) }
    return RateTrace(starts: starts, rates: rates.map { $0 * share }, period: period)
  }

  /// Bits/s, averaged over the period.
  public var meanRate: Double { bitsBefore[bitsBefore.count - 1] / period }

  /// Bits/s that the link has for at least half of the time.
  public var medianRate: Double {
    let pieces = starts.indices.map { index in
      (
        rate: rates[index],
        seconds: (index + 1 < starts.count ? starts[index + 1] : period) - starts[index]
      )
    }.sorted { $0.rate < $1.rate }
    var seconds = 0.0
    for piece in pieces {
      seconds += piece.seconds
      if seconds >= period / 2 { return piece.rate }
    }
    return pieces[pieces.count - 1].rate
  }

  /// Bits/s at `time`, which is not negative.
  public func rate(at time: Double) -> Double { rates[piece(at: phase(time).within)] }

  /// Bits that fit between two times.
  public func bits(from start: Double, to end: Double) -> Double {
    guard end > start else { return 0 }
    return max(0, cumulative(end) - cumulative(start))
  }

  /// The time at which `bits` that begin to leave at `start` have all left.
  public func finish(bits: Double, startingAt start: Double) -> Double {
    guard bits > 0 else { return start }
    let perPeriod = bitsBefore[bitsBefore.count - 1]
    let (cycle, within) = phase(start)
    let current = piece(at: within)
    // Within the current piece: the common case, without the rounding of long sums.
    let pieceEnd = current + 1 < starts.count ? starts[current + 1] : period
    if rates[current] > 0 {
      let seconds = bits / rates[current]
      if within + seconds <= pieceEnd { return start + seconds }
    }
    let target = bitsBefore[current] + rates[current] * (within - starts[current]) + bits
    var cycles = (target / perPeriod).rounded(.down)
    var rest = target - cycles * perPeriod
    // What ends exactly with a period ends in that period, not after the next one's outage.
    if rest <= 0, cycles > 0 {
      cycles -= 1
      rest = perPeriod
    }
    // The first piece at whose end `rest` has left, by bisection.
    var lower = 0
    var upper = starts.count - 1
    while lower < upper {
      let middle = (lower + upper) / 2
      if bitsBefore[middle + 1] >= rest { upper = middle } else { lower = middle + 1 }
    }
    let rate = rates[lower]
    let into = rate > 0 ? (rest - bitsBefore[lower]) / rate : 0
    return max(start, (cycle + cycles) * period + starts[lower] + into)
  }

  private func cumulative(_ time: Double) -> Double {
    let (cycle, within) = phase(time)
    let index = piece(at: within)
    return cycle * bitsBefore[bitsBefore.count - 1] + bitsBefore[index]
      + rates[index] * (within - starts[index])
  }

  private func phase(_ time: Double) -> (cycle: Double, within: Double) {
    let cycle = (time / period).rounded(.down)
    return (cycle, min(max(time - cycle * period, 0), period))
  }

  private func piece(at within: Double) -> Int {
    // The last piece that begins at or before `within`.
    var lower = 0
    var upper = starts.count
    while upper - lower > 1 {
      let middle = (lower + upper) / 2
      if starts[middle] <= within { lower = middle } else { upper = middle }
    }
    return lower
  }
}
