/// One device's way to the edge in virtual time. Exogenous: what one device sends slows no other down, so
/// that the best that could have been done is known exactly; a crowd is a smaller share of the rate.
///
/// The bottleneck is the uplink. An answer is a few hundred bytes and costs half a round trip.
public struct SimulatedLink: Sendable {
  /// Seconds after which TCP sends an unacknowledged last packet again, at least (RFC 6298 allows less than its
  /// one second; Linux takes 200 ms).
  public static let retransmissionTimeout = 0.2

  public let trace: RateTrace
  /// Seconds into the recording at which the device begins: devices that share one are not in step.
  public let offset: Double
  public let outages: Outages
  public let conditions: LinkConditions

  public init(
    trace: RateTrace, offset: Double = 0, outages: Outages = .none, conditions: LinkConditions
  ) {
    self.trace = trace
    self.offset = offset
    self.outages = outages
    self.conditions = conditions
  }

  /// Bits/s at `time`, 0 in an outage.
  public func rate(at time: Double) -> Double {
    outages.contains(time) ? 0 : trace.rate(at: time + offset)
  }

  /// When the last of `bytes` that are sent from `start` on reaches the edge.
  public func arrival(bytes: Double, startingAt start: Double, moment: LinkMoment) -> Double {
    arrival(leftAt: left(bytes: bytes + moment.queuedBytes, startingAt: start), moment: moment)
  }

  /// When the last of `bytes` that are sent from `start` on has left the bottleneck; what stands before them in
  /// its queue is to be counted in by the caller.
  func left(bytes: Double, startingAt start: Double) -> Double {
    uplinkFinish(bits: bytes / (1 - min(conditions.loss, 0.9)) * 8, startingAt: start)
  }

  /// When the end of a message, which left the bottleneck at `time`, is at the edge.
  func arrival(leftAt time: Double, moment: LinkMoment) -> Double {
    let timer = max(Self.retransmissionTimeout, moment.roundTrip)
    return time + Double(moment.tailLosses) * timer + moment.roundTrip / 2
  }

  /// When the answer to something small that is sent at `start` is back.
  public func echo(startingAt start: Double, moment: LinkMoment) -> Double {
    let segment = 100.0
    return uplinkFinish(bits: (segment + moment.queuedBytes) * 8, startingAt: start)
      + moment.roundTrip
  }

  /// When an answer that the edge sends at `start` reaches the device.
  public func answer(startingAt start: Double, moment: LinkMoment) -> Double {
    // Nothing comes through an outage, in either direction.
    let out = start + moment.roundTrip / 2
    guard let window = outages.next(at: out), window.contains(out) else { return out }
    return window.upperBound
  }

  /// Bytes that left between two times.
  public func bytesSent(from start: Double, to end: Double) -> Double {
    var bits = 0.0
    var time = start
    while time < end {
      guard let outage = outages.next(at: time), outage.lowerBound < end else {
        return (bits + trace.bits(from: time + offset, to: end + offset)) / 8
      }
      if outage.lowerBound > time {
        bits += trace.bits(from: time + offset, to: outage.lowerBound + offset)
      }
      time = outage.upperBound
    }
    return bits / 8
  }

  private func uplinkFinish(bits: Double, startingAt start: Double) -> Double {
    var left = bits
    var time = start
    while true {
      guard let outage = outages.next(at: time) else {
        return trace.finish(bits: left, startingAt: time + offset) - offset
      }
      if outage.lowerBound > time {
        let finish = trace.finish(bits: left, startingAt: time + offset) - offset
        if finish <= outage.lowerBound { return finish }
        left -= trace.bits(from: time + offset, to: outage.lowerBound + offset)
      }
      time = outage.upperBound
    }
  }
}
