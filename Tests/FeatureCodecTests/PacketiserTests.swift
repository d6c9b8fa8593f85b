import FeatureCodec
import Testing

@Suite struct PacketiserTests {
  /// However the frames arrive, the packets are the same, and joined they are the whole payload.
  @Test func packetsDoNotDependOnArrival() throws {
    var generator = SplitMix(seed: 5)
    let dimension = 5
    for codec in FeatureCodec.table {
      let encoder = try FeatureEncoder(codec: codec, dimension: dimension)
      let frames = (0..<43 * dimension).map { _ in Float.random(in: -3...3, using: &generator) }
      var expected: [FeaturePacket]?
      for _ in 0..<20 {
        var packetiser = try Packetiser(encoder: encoder, framesPerPacket: 8)
        var packets: [FeaturePacket] = []
        var start = 0
        while start < 43 {
          let end = min(43, start + Int.random(in: 0...20, using: &generator))
          packets += try packetiser.append(Array(frames[start * dimension..<end * dimension]))
          start = end
        }
        #expect(packetiser.frameCount == 43)
        if let last = try packetiser.finish() { packets.append(last) }
        #expect(packets.map(\.frameCount) == [8, 8, 8, 8, 8, 3])
        #expect(packets.map(\.firstFrame) == [0, 8, 16, 24, 32, 40])
        #expect(try packets.flatMap(\.payload) == encoder.encode(frames: frames))
        if let expected { #expect(packets == expected) }
        expected = packets
      }
    }
  }

  @Test func anErrorLeavesThePacketiserAsItWas() throws {
    let encoder = try FeatureEncoder(codec: FeatureCodec.at(1), dimension: 2)
    var packetiser = try Packetiser(encoder: encoder, framesPerPacket: 2)
    #expect(try packetiser.append([1, 2]) == [])
    #expect(throws: FeatureCodecError.nonFiniteFeature(frame: 2, column: 1)) {
      try packetiser.append([3, 4, 5, .nan])
    }
    #expect(throws: FeatureCodecError.partialFrame(values: 3, dimension: 2)) {
      try packetiser.append([3, 4, 5])
    }
    let packets = try packetiser.append([3, 4])
    #expect(packets.map(\.payload) == [try encoder.encode(frames: [1, 2, 3, 4])])
    #expect(try packetiser.finish() == nil)
    #expect(packetiser.frameCount == 0)
  }

  @Test func durationsBecomeFrames() {
    #expect(Packetiser.framesPerPacket(duration: 0.32, framesPerSecond: 25) == 8)
    #expect(Packetiser.framesPerPacket(duration: 0.001, framesPerSecond: 25) == 1)
    #expect(Packetiser.framesPerPacket(duration: -1, framesPerSecond: 25) == 1)
    #expect(Packetiser.framesPerPacket(duration: .nan, framesPerSecond: 25) == 1)
    #expect(Packetiser.framesPerPacket(duration: .infinity, framesPerSecond: 25) == 1_000_000_000)
  }

  @Test func packetsHoldAtLeastOneFrame() throws {
    let encoder = try FeatureEncoder(codec: FeatureCodec.at(0), dimension: 2)
    #expect(
      throws: FeatureCodecError.notPositive(what: "the number of frames a packet", value: 0)
    ) { try Packetiser(encoder: encoder, framesPerPacket: 0) }
  }
}
