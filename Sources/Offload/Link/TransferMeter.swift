/// Tells from sent and acknowledged packets when a stream was held up by the link. Pure: times are handed in.
///
/// A stream that follows the user's speech sends a packet now and then, so its bytes over its duration say how fast
/// the user speaks, not how fast the link is. What says something is a busy period: from a packet that is sent while
/// nothing is outstanding to the acknowledgement of everything that was sent by then.
public struct TransferMeter: Sendable {
  /// Bytes that were acknowledged in so many seconds.
  public struct Period: Hashable, Sendable {
    public var bytes: Int
    public var seconds: Double

    public init(bytes: Int, seconds: Double) {
      self.bytes = bytes
      self.seconds = seconds
    }
  }

  /// The busy period with the most bytes so far; its seconds hold one round trip.
  public private(set) var longest: Period?
  /// Bytes up to the end of every packet, beside its last frame's number.
  private var packets: [(frames: Int, bytes: Int)] = []
  private var acknowledgedPackets = 0
  private var busySince: Double?
  private var busyFrom = 0

  public init() {}

  /// A packet is sent, whose last frame is the `frames`th of the utterance.
  public mutating func send(frames: Int, bytes: Int, at time: Double) {
    if busySince == nil {
      busySince = time
      busyFrom = acknowledgedBytes
    }
    packets.append((frames, (packets.last?.bytes ?? 0) + max(bytes, 0)))
  }

  /// The other end has so many frames. What was never sent is not believed.
  public mutating func acknowledge(frames: Int, at time: Double) {
    while acknowledgedPackets < packets.count, packets[acknowledgedPackets].frames <= frames {
      acknowledgedPackets += 1
    }
    guard acknowledgedPackets == packets.count, let since = busySince else { return }
    let period = Period(bytes: acknowledgedBytes - busyFrom, seconds: max(0, time - since))
    if period.bytes > longest?.bytes ?? 0 { longest = period }
    busySince = nil
  }

  /// The busy period that is not over: what was acknowledged in it, and since when it lasts; nil if nothing is
  /// outstanding.
  public func outstanding(at time: Double) -> Period? {
    busySince.map {
      Period(bytes: acknowledgedBytes - busyFrom, seconds: max(0, time - $0))
    }
  }

  /// Frames of the utterance that the other end has.
  public var acknowledgedFrames: Int {
    acknowledgedPackets == 0 ? 0 : packets[acknowledgedPackets - 1].frames
  }

  private var acknowledgedBytes: Int {
    acknowledgedPackets == 0 ? 0 : packets[acknowledgedPackets - 1].bytes
  }
}
