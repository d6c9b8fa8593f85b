import Offload
import SecureTransport
import Synchronization
import TandemProtocol

/// How far one utterance's stream has come: kept by its two halves, read by whoever decides.
final class OffloadProgress: Sendable {
  private struct State {
    var began: Double?
    var acceptedAt: Double?
    var answerAt: Double?
    var failure: OffloadFailure?
    var meter = TransferMeter()
    var wire: (traffic: TLSTraffic, sentBefore: Int, receivedBefore: Int)?
    var sent: Int { wire.map { max(0, Int($0.traffic.bytesSent) - $0.sentBefore) } ?? 0 }
    var received: Int {
      wire.map { max(0, Int($0.traffic.bytesReceived) - $0.receivedBefore) } ?? 0
    }
  }

  /// What a stream has shown of the link.
  struct Shown {
    /// Bytes that went over in so many seconds, a round trip included.
    var transfer: TransferMeter.Period?
    /// Bytes that went over while others did not.
    var stall: TransferMeter.Period?
    /// Seconds; 0 if it is not known.
    var roundTrip: Double
  }

  private let state = Mutex(State())

  /// Seconds of waiting for an acknowledgement that count as a stall even before the deadline.
  private static let patience = 1.0

  /// The answer is of use until `answerAt`.
  func expect(answerAt: Double) { state.withLock { $0.answerAt = answerAt } }

  /// Why the device itself ended the stream: gRPC then only says that it was cancelled.
  var failure: OffloadFailure? {
    get { state.withLock { $0.failure } }
    set { state.withLock { $0.failure = newValue } }
  }

  func begin(at time: Double, wire: TLSTraffic) {
    state.withLock {
      $0.began = time
      $0.wire = (wire, Int(wire.bytesSent), Int(wire.bytesReceived))
    }
  }

  func send(_ packet: Tandem_V1_Packet, at time: Double) {
    guard case .features(let features) = packet.kind else { return }
    state.withLock {
      $0.meter.send(
        frames: Int(features.firstFrame) + Int(features.frameCount),
        bytes: features.payload.count, at: time)
    }
  }

  /// The edge takes the utterance.
  /// - Returns: seconds since Start was sent; nil if it said so before.
  func accept(at time: Double) -> Double? {
    state.withLock { state in
      guard state.acceptedAt == nil, let began = state.began else { return nil }
      state.acceptedAt = time
      return time - began
    }
  }

  func acknowledge(frames: Int, at time: Double) {
    state.withLock { $0.meter.acknowledge(frames: frames, at: time) }
  }

  /// Frames that the edge has.
  var acknowledgedFrames: Int { state.withLock { $0.meter.acknowledgedFrames } }

  /// Bytes on the wire since the stream began, both ways, framing included.
  var bytes: Int { state.withLock { $0.sent + $0.received } }

  /// Of these, bytes that have left the device.
  var bytesSent: Int { state.withLock { $0.sent } }

  /// When Start was sent, on the link's clock; nil if there was no connection yet.
  var began: Double? { state.withLock { $0.began } }

  /// The answer's time is nearly up, or nothing was heard for `patience` seconds, and the edge has not even accepted: a
  /// peer that is gone without a word, as when a cable is pulled. Else every utterance would cost its whole deadline
  /// until TCP gives up.
  func wasSilent(at time: Double, patience: Double) -> Bool {
    state.withLock { state in
      guard state.acceptedAt == nil, let began = state.began else { return false }
      let isNearlyUp = state.answerAt.map { time - began >= 0.9 * ($0 - began) } ?? false
      return isNearlyUp || time - began >= patience
    }
  }

  /// What is to be learnt of the link at the stream's end.
  func shown(at time: Double) -> Shown {
    state.withLock { state in
      let roundTrip =
        state.began.flatMap { began in state.acceptedAt.map { $0 - began } } ?? 0
      var stall = state.meter.outstanding(at: time)
      if let seconds = stall?.seconds, seconds < Self.patience,
        time < state.answerAt ?? .infinity
      {
        // On its way, as far as anybody knows.
        stall = nil
      }
      return Shown(transfer: state.meter.longest, stall: stall, roundTrip: roundTrip)
    }
  }
}
