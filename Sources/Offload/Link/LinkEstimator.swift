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

  private typealias Observation = LinkObservations.Observation

  public let settings: Settings
  /// Observations that were refused: not positive, not finite, or too small to tell.
  public private(set) var ignoredCount = 0
  private var bandwidths: LinkObservations
  private var roundTrips: LinkObservations
  /// Whether transfers got something through: 0, or nothing: 1.
  private var silences: [Observation] = []
  /// When a small message was sent that has not been answered; nil: none is out.
  private var asked: Double?
  /// When something last came back.
  private var heard: Double?
  private var connectivity = LinkEstimate.Connectivity.unknown

  public init(settings: Settings = Settings()) {
    self.settings = settings
    bandwidths = LinkObservations(settings)
    roundTrips = LinkObservations(settings)
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
    appendSilence(Observation(time: time, value: 0, weight: 1))
    bandwidths.insert(
      Observation(time: time, value: Double(bytes) * 8 / seconds, weight: weight(seconds)))
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
      appendSilence(Observation(time: time, value: 1, weight: 1, isStall: true))
    }
    bandwidths.insert(
      Observation(
        time: time, value: Double(bytes) * 8 / seconds, weight: weight(seconds),
        isStall: bytes < settings.minimumTransferBytes))
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
    roundTrips.insert(Observation(time: time, value: seconds, weight: 1))
  }

  /// A connection was made.
  public mutating func observeConnected(at time: Double) {
    connectivity = .connected
    bandwidths.removeStalls()
    // That it was silent lately is over; that it is so now and then is not.
    for index in silences.indices { silences[index].isStall = false }
  }

  /// The connection was lost, or could not be made.
  public mutating func observeDisconnected(at time: Double) {
    if connectivity != .disconnected {
      bandwidths.discount()
      roundTrips.discount()
    }
    connectivity = .disconnected
    asked = nil
    heard = nil
  }

  /// What is known at `time`.
  public func estimate(at time: Double) -> LinkEstimate {
    let bandwidth = bandwidths.knowledge(at: time)
    let roundTrip = roundTrips.knowledge(at: time)
    let latest = [bandwidth.latest, roundTrip.latest].compactMap { $0 }.max()
    return LinkEstimate(
      connectivity: connectivity, bandwidth: bandwidth.percentiles,
      roundTrip: roundTrip.percentiles, sampleCount: bandwidth.count + roundTrip.count,
      age: latest.map { max(0, time - $0) },
      silence: silence(at: time, usualRoundTrip: roundTrip.percentiles?.median))
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
  private func silence(at time: Double, usualRoundTrip: Double?) -> Double? {
    if let asked {
      let usual = usualRoundTrip ?? settings.assumedRoundTrip
      if time - asked > max(3 * usual, settings.shortestPatience) { return 0.95 }
    }
    guard let usual = usualSilence(at: time) else { return nil }
    guard let heard else { return usual }
    return usual * (1 - Self.decay(time - heard, settings.aliveHalfLife))
  }

  private func usualSilence(at time: Double) -> Double? {
    guard !silences.isEmpty else { return nil }
    func share(_ halfLife: Double, _ gain: Double, prior: Double, isLate: Bool) -> Double {
      var sum = prior
      var weight = 1.0
      for observation in silences where !isLate || observation.isStall || observation.value == 0 {
        let own = gain * observation.weight * Self.decay(time - observation.time, halfLife)
        sum += own * observation.value
        weight += own
      }
      return sum / weight
    }
    let often = share(settings.silenceHalfLife, 1, prior: 0.03, isLate: false)
    return share(settings.halfLife, 2, prior: often, isLate: true)
  }

  private mutating func appendSilence(_ observation: Observation) {
    silences.append(observation)
    if silences.count > settings.capacity { silences.removeFirst() }
  }

  static func decay(_ age: Double, _ halfLife: Double) -> Double {
    exponential(-max(age, 0) / max(halfLife, 1e-6) * 0.693_147_180_559_945_3)
  }
}
