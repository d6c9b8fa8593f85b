/// Estimates the link from what really went over it. Pure: times are handed in, in seconds of any clock
/// that does not go backwards.
///
/// Keeps the latest observations; each weighs half as much after every `halfLife`, and percentiles are
/// taken over the weights: the newest says most while it is new, and after a minute without news all that was seen says
/// about as much. An observation is forgotten after `memory` seconds: then the estimate says that
/// it does not know, rather than something stale. After an outage, what was seen before it counts a
/// quarter: the network may be another one.
///
/// Transfers that got nothing through say nothing of bandwidth. Their share is kept apart: what happened lately, as
/// far as something did, and for the rest what happened in the last hours.
public struct LinkEstimator: Sendable {
  /// How to weigh.
  public struct Settings: Hashable, Sendable {
    /// Seconds after which an observation weighs half as much.
    public var halfLife: Double
    /// Seconds after which an observation is forgotten.
    public var memory: Double
    /// Seconds after which a stall is forgotten in which next to nothing came through: it says that there is no link now,
    /// not what one there will be, and who believes it never tries again.
    public var stallMemory: Double
    /// Observations kept of each kind.
    public var capacity: Int
    /// Transfers of fewer bytes say nothing of bandwidth: latency and one segment dominate them.
    public var minimumTransferBytes: Int
    /// Share of an observation's weight that lasts until it is forgotten: links come back to what they were.
    public var lasting: Double
    /// Seconds after which a transfer counts half as much for how often nothing gets through in the long run.
    public var silenceHalfLife: Double
    /// Seconds after which a sign of life counts half against silence.
    public var aliveHalfLife = 5.0
    /// Round trip in seconds that is taken for usual while none is known, and the least time after which an
    /// unanswered message counts as silence.
    public var assumedRoundTrip = 0.1
    public var shortestPatience = 0.1
    /// Share of a transfer's time that is sending at least, whatever the round trip.
    public var leastSendingShare = 0.2
    /// Seconds of waiting for an acknowledgement in the middle of a stream that count as a stall.
    public var patience = 1.0

    public init(
      halfLife: Double = 10, memory: Double = 14_400, stallMemory: Double = 60, capacity: Int = 64,
      minimumTransferBytes: Int = 1_000, lasting: Double = 0.03, silenceHalfLife: Double = 3_600
    ) {
      self.lasting = lasting
      self.silenceHalfLife = silenceHalfLife
      self.halfLife = halfLife
      self.memory = memory
      self.stallMemory = stallMemory
      self.capacity = capacity
      self.minimumTransferBytes = minimumTransferBytes
    }
  }

  private struct Observation {
    var time: Double
    var value: Double
    var weight: Double
    /// Whether next to nothing came through.
    var isStall = false
  }

  /// Factor by which a transfer's bandwidth, or a round trip, commonly differs from one before it on the same link.
  static let spread = 2.0

  public let settings: Settings
  /// Observations that were refused: not positive, not finite, or too small to tell.
  public private(set) var ignoredCount = 0
  private var bandwidths: [Observation] = []
  private var roundTrips: [Observation] = []
  /// Whether transfers got something through: 0, or nothing: 1.
  private var silences: [Observation] = []
  /// When a small message was sent that has not been answered; nil: none is out.
  private var asked: Double?
  /// When something last came back.
  private var heard: Double?
  private var connectivity = LinkEstimate.Connectivity.unknown

  public init(settings: Settings = Settings()) {
    self.settings = settings
    bandwidths.reserveCapacity(settings.capacity + 1)
    roundTrips.reserveCapacity(settings.capacity + 1)
  }

  /// A transfer that ended at `time`.
  /// - Parameters:
  ///   - bytes: acknowledged bytes.
  ///   - seconds: from the first byte sent to the acknowledgement, less one round trip.
  public mutating func observeTransfer(bytes: Int, seconds: Double, at time: Double) {
    guard bytes >= settings.minimumTransferBytes, seconds > 0, seconds.isFinite, time.isFinite
    else {
      ignoredCount += 1
      return
    }
    connectivity = .connected
    append(Observation(time: time, value: 0, weight: 1), to: &silences)
    append(
      Observation(time: time, value: Double(bytes) * 8 / seconds, weight: weight(seconds)),
      to: &bandwidths)
  }

  /// A transfer that ended at `time`, with the round trip in it.
  ///
  /// A short transfer is mostly round trip, and a round trip that was measured a moment before may have been longer than
  /// this one's: at least a share of it counts as sending. Otherwise a packet that happened to come back sooner would
  /// look like a link a hundred times as fast.
  /// - Parameters:
  ///   - bytes: acknowledged bytes.
  ///   - seconds: from the first byte sent to the acknowledgement.
  ///   - roundTrip: seconds of it, 0 if it is not known.
  public mutating func observeTransfer(
    bytes: Int, seconds: Double, roundTrip: Double, at time: Double
  ) {
    observeTransfer(
      bytes: bytes,
      seconds: max(seconds - max(roundTrip, 0), settings.leastSendingShare * seconds), at: time)
  }

  /// A transfer that was given up at `time`: so many bytes had been acknowledged (often none) in so many
  /// seconds. Lets the estimate fall while nothing gets through. If it was too little to tell a bandwidth, it is
  /// forgotten sooner than a measurement, and when a connection is made.
  public mutating func observeStall(bytes: Int, seconds: Double, at time: Double) {
    guard bytes >= 0, seconds > 0, seconds.isFinite, time.isFinite else {
      ignoredCount += 1
      return
    }
    if bytes < settings.minimumTransferBytes {
      append(Observation(time: time, value: 1, weight: 1, isStall: true), to: &silences)
    }
    append(
      Observation(
        time: time, value: Double(bytes) * 8 / seconds, weight: weight(seconds),
        isStall: bytes < settings.minimumTransferBytes),
      to: &bandwidths)
  }

  /// A small message was sent at `time`, whose answer `observeRoundTrip` will tell: a user has begun to speak, and it is
  /// good to know whether anybody is there before he ends.
  public mutating func observeProbe(at time: Double) {
    guard time.isFinite else { return }
    asked = time
  }

  /// A small message was answered at `time`, `seconds` after it was sent.
  public mutating func observeRoundTrip(seconds: Double, at time: Double) {
    guard seconds > 0, seconds.isFinite, time.isFinite else {
      ignoredCount += 1
      return
    }
    connectivity = .connected
    asked = nil
    heard = time
    append(Observation(time: time, value: seconds, weight: 1), to: &roundTrips)
  }

  /// A connection was made.
  public mutating func observeConnected(at time: Double) {
    connectivity = .connected
    bandwidths.removeAll { $0.isStall }
    // That it was silent lately is over; that it is so now and then is not.
    for index in silences.indices { silences[index].isStall = false }
  }

  /// The connection was lost, or could not be made.
  public mutating func observeDisconnected(at time: Double) {
    if connectivity != .disconnected {
      for index in bandwidths.indices { bandwidths[index].weight /= 4 }
      for index in roundTrips.indices { roundTrips[index].weight /= 4 }
    }
    connectivity = .disconnected
    asked = nil
    heard = nil
  }

  /// What is known at `time`.
  public func estimate(at time: Double) -> LinkEstimate {
    let freshBandwidths = bandwidths.filter {
      time - $0.time <= ($0.isStall ? min(settings.stallMemory, settings.memory) : settings.memory)
    }
    let freshRoundTrips = roundTrips.filter { time - $0.time <= settings.memory }
    let latest = [freshBandwidths.last?.time, freshRoundTrips.last?.time].compactMap { $0 }.max()
    return LinkEstimate(
      connectivity: connectivity,
      bandwidth: percentiles(freshBandwidths, at: time),
      roundTrip: percentiles(freshRoundTrips, at: time),
      sampleCount: freshBandwidths.count + freshRoundTrips.count,
      age: latest.map { max(0, time - $0) }, silence: silence(at: time))
  }

  /// What is known at `time` in the middle of a stream, which has shown this much of the link so far.
  /// - Parameters:
  ///   - transfer: its longest busy period, a round trip included.
  ///   - stall: the busy period that is not over; heeded once it has lasted a second.
  public func estimate(
    at time: Double, transfer: TransferMeter.Period?, stall: TransferMeter.Period?,
    roundTrip: Double
  ) -> LinkEstimate {
    var seen = self
    if let transfer {
      seen.observeTransfer(
        bytes: transfer.bytes, seconds: transfer.seconds, roundTrip: roundTrip, at: time)
    }
    if let stall, stall.seconds >= settings.patience {
      seen.observeStall(bytes: stall.bytes, seconds: stall.seconds, at: time)
    }
    return seen.estimate(at: time)
  }

  /// A longer transfer says more; within bounds, or the slow ones would be all that counts.
  private func weight(_ seconds: Double) -> Double { min(max(seconds, 0.5), 2) }

  /// One transfer's worth of belief in a link that is seldom silent, then the long run's share, then what was seen
  /// lately.
  ///
  /// Somebody who answered a moment ago is there; somebody who has not answered in thrice the usual time is not.
  private func silence(at time: Double) -> Double? {
    if let asked {
      let usual = percentiles(roundTrips, at: time)?.median ?? settings.assumedRoundTrip
      if time - asked > max(3 * usual, settings.shortestPatience) { return 0.95 }
    }
    guard let usual = usualSilence(at: time) else { return nil }
    guard let heard else { return usual }
    return usual * (1 - decay(time - heard, settings.aliveHalfLife))
  }

  private func usualSilence(at time: Double) -> Double? {
    guard !silences.isEmpty else { return nil }
    func share(_ halfLife: Double, _ gain: Double, prior: Double, isLate: Bool) -> Double {
      var sum = prior
      var weight = 1.0
      for observation in silences where !isLate || observation.isStall || observation.value == 0 {
        let own = gain * observation.weight * decay(time - observation.time, halfLife)
        sum += own * observation.value
        weight += own
      }
      return sum / weight
    }
    let often = share(settings.silenceHalfLife, 1, prior: 0.03, isLate: false)
    return share(settings.halfLife, 2, prior: often, isLate: true)
  }

  private func append(_ observation: Observation, to observations: inout [Observation]) {
    observations.append(observation)
    if observations.count > settings.capacity { observations.removeFirst() }
  }

  /// Of what the next one may be. It will not be just like one of these, and of the fastest hitherto one expects too much: the
  /// fewer there are, the more each stands for a smaller and a greater one as well.
  private func percentiles(_ observations: [Observation], at time: Double) -> Percentiles? {
    guard !observations.isEmpty else { return nil }
    var sorted: [(value: Double, weight: Double)] = []
    sorted.reserveCapacity(observations.count)
    var total = 0.0
    var squares = 0.0
    for observation in observations {
      // From now, not from the newest: after a while without news the newest says no more than those before it.
      let age = max(0, time - observation.time)
      let weight = observation.weight * (decay(age, settings.halfLife) + settings.lasting)
      sorted.append((observation.value, weight))
      total += weight
      squares += weight * weight
    }
    // As many observations of equal weight would say as much (Kish's effective sample size).
    let outer = 0.3 * (squares / (total * total)).squareRoot()
    sorted.sort { $0.value < $1.value }
    // Three sorted lists, walked together.
    var sum = 0.0
    var places = (low: 0, middle: 0, high: 0)
    func percentile(_ fraction: Double) -> Double {
      var value = 0.0
      while sum < fraction * total, places.high < sorted.count {
        let low =
          places.low < sorted.count ? sorted[places.low].value / Self.spread : .infinity
        let middle = places.middle < sorted.count ? sorted[places.middle].value : .infinity
        let high = sorted[places.high].value * Self.spread
        if low <= middle, low <= high {
          value = low
          sum += outer * sorted[places.low].weight
          places.low += 1
        } else if middle <= high {
          value = middle
          sum += (1 - 2 * outer) * sorted[places.middle].weight
          places.middle += 1
        } else {
          value = high
          sum += outer * sorted[places.high].weight
          places.high += 1
        }
      }
      return value
    }
    let tenth = percentile(0.1)
    let median = max(tenth, percentile(0.5))
    return Percentiles(tenth: tenth, median: median, ninetieth: max(median, percentile(0.9)))
  }

  private func decay(_ age: Double, _ halfLife: Double) -> Double {
    exponential(-max(age, 0) / max(halfLife, 1e-6) * 0.693_147_180_559_945_3)
  }
}
