import Offload

/// Features, or audio, on their way while the user speaks: packets leave one after the other, as soon as they are
/// full and the link is free.
struct AheadStream: Sendable {
  /// One packet, and when it began to leave and had left.
  private struct Packet: Sendable {
    /// When it was given to the link.
    var given: Double
    var begin: Double
    var left: Double
    var payload: Double
    /// Sums over this packet and those before it.
    var frames: Double
    var bytes: Double
  }

  let plan: SpeculationPlan
  /// When the stream began.
  let start: Double
  /// Of the whole utterance: what an oracle and a device at the end know.
  let totalFrames: Double
  private let bytesPerFrame: Double
  private let framesPerPacket: Double
  private let overhead: Double
  private var packets: [Packet] = []

  /// - Parameters:
  ///   - payloadBytes: of the whole utterance, without framing.
  ///   - framesPerSecond: that packets are filled with.
  ///   - overhead: bytes of framing a packet.
  init(
    plan: SpeculationPlan, start: Double, payloadBytes: Double, totalFrames: Double,
    framesPerSecond: Double, overhead: Double
  ) {
    self.plan = plan
    self.start = start
    self.totalFrames = totalFrames
    bytesPerFrame = payloadBytes / max(totalFrames, 1)
    framesPerPacket = max(1, (plan.packetDuration * framesPerSecond).rounded())
    self.overhead = overhead
  }

  /// Frames and bytes, with framing, that have been given to the link.
  var frames: Double { packets.last?.frames ?? 0 }
  var bytes: Double { packets.last?.bytes ?? 0 }
  /// When all of it has left.
  var left: Double { packets.last?.left ?? start }

  /// Gives full packets to the link, up to `available` frames, which are there at `time`.
  mutating func send(
    _ available: Double, at time: Double, link: SimulatedLink, moment: LinkMoment
  ) {
    while available - frames >= framesPerPacket {
      add(
        framesPerPacket, queued: packets.isEmpty ? moment.queuedBytes : 0, at: time, link: link)
    }
  }

  /// Gives it the rest, which is there at `time`.
  ///
  /// Others' traffic stands before the stream's first packet and before the first of the rest: what is ready earlier
  /// is then at the edge no later, whatever the moments, which an oracle's bound rests on.
  mutating func finish(at time: Double, link: SimulatedLink, moment: LinkMoment) {
    var queued = moment.queuedBytes
    while totalFrames - frames > 1e-6 {
      add(min(framesPerPacket, totalFrames - frames), queued: queued, at: time, link: link)
      queued = 0
    }
  }

  private mutating func add(
    _ count: Double, queued: Double, at time: Double, link: SimulatedLink
  ) {
    let begin = max(time, left)
    let size = count * bytesPerFrame + overhead
    packets.append(
      Packet(
        given: time, begin: begin, left: link.left(bytes: size + queued, startingAt: begin),
        payload: count * bytesPerFrame, frames: frames + count, bytes: bytes + size))
  }

  /// Frames that the edge has acknowledged by `time`, and bytes that have left the device by then.
  func progress(at time: Double, link: SimulatedLink, moment: LinkMoment) -> (
    frames: Double, bytes: Double
  ) {
    var frames = 0.0
    for packet in packets.reversed()
    where link.answer(startingAt: packet.left + moment.roundTrip / 2, moment: moment) <= time {
      frames = packet.frames
      break
    }
    return (frames, bytes(by: time))
  }

  /// Bytes that have left the device by `time`.
  func bytes(by time: Double) -> Double {
    var bytes = 0.0
    for packet in packets {
      if packet.left <= time {
        bytes = packet.bytes
      } else {
        if packet.begin < time {
          bytes +=
            (packet.bytes - bytes) * (time - packet.begin) / max(packet.left - packet.begin, 1e-9)
        }
        break
      }
    }
    return bytes
  }

  /// What the device learns of the link when the stream ends at `time`: the rule of EdgeLink, with its meter.
  func shown(at time: Double, link: SimulatedLink, moment: LinkMoment) -> (
    transfer: TransferMeter.Period?, stall: TransferMeter.Period?
  ) {
    var events: [(time: Double, packet: Int, isSent: Bool)] = []
    for (index, packet) in packets.enumerated() {
      if packet.given < time { events.append((packet.given, index, true)) }
      let acknowledged = link.answer(
        startingAt: packet.left + moment.roundTrip / 2, moment: moment)
      if acknowledged <= time { events.append((acknowledged, index, false)) }
    }
    events.sort {
      ($0.time, $0.isSent ? 0 : 1, $0.packet) < ($1.time, $1.isSent ? 0 : 1, $1.packet)
    }
    var meter = TransferMeter()
    for event in events {
      let packet = packets[event.packet]
      if event.isSent {
        meter.send(frames: event.packet + 1, bytes: Int(packet.payload), at: event.time)
      } else {
        meter.acknowledge(frames: event.packet + 1, at: event.time)
      }
    }
    return (meter.longest, meter.outstanding(at: time))
  }
}
