import Offload
import Testing

@Suite struct TransferMeterTests {
  /// An utterance that is sent at once is one busy period, from its first packet to its last acknowledgement.
  @Test func whatIsSentAtOnceIsOnePeriod() {
    var meter = TransferMeter()
    for packet in 1...4 { meter.send(frames: packet * 8, bytes: 1000, at: 10) }
    #expect(meter.outstanding(at: 11) == .init(bytes: 0, seconds: 1))
    meter.acknowledge(frames: 8, at: 11)
    meter.acknowledge(frames: 24, at: 12)
    #expect(meter.acknowledgedFrames == 24)
    #expect(meter.outstanding(at: 13) == .init(bytes: 3000, seconds: 3))
    #expect(meter.longest == nil)
    meter.acknowledge(frames: 32, at: 14)
    #expect(meter.longest == .init(bytes: 4000, seconds: 4))
    #expect(meter.outstanding(at: 15) == nil)
  }

  /// Speech comes slower than the link carries it: the pauses between packets are nobody's fault.
  @Test func pausesDoNotCount() {
    var meter = TransferMeter()
    for packet in 1...10 {
      meter.send(frames: packet * 8, bytes: 1200, at: Double(packet))
      meter.acknowledge(frames: packet * 8, at: Double(packet) + 0.1)
    }
    #expect(meter.longest?.bytes == 1200)
    #expect(abs((meter.longest?.seconds ?? 0) - 0.1) < 1e-9)
  }

  @Test func whatMakesNoSenseIsNotBelieved() {
    var meter = TransferMeter()
    meter.acknowledge(frames: 100, at: 1)
    #expect(meter.acknowledgedFrames == 0 && meter.longest == nil)
    meter.send(frames: 8, bytes: -5, at: 2)
    meter.acknowledge(frames: 4, at: 3)
    #expect(meter.acknowledgedFrames == 0)
    meter.acknowledge(frames: 1_000_000, at: 1)
    #expect(meter.acknowledgedFrames == 8)
    meter.acknowledge(frames: 2, at: 4)
    #expect(meter.acknowledgedFrames == 8)
    #expect(meter.outstanding(at: 9) == nil)
  }
}
