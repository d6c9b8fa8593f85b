import Foundation
import Testing

@testable import Evaluation

@Suite("Opus to a full server")
struct OpusChannelTests {
  /// A voice-like buzz: harmonics of 140 Hz that come and go.
  private func buzz(seconds: Double) -> [Float] {
    (0..<Int(seconds * 16_000)).map { index in
      let time = Double(index) / 16_000
      let envelope = 0.5 + 0.5 * sin(2 * .pi * 2 * time)
      let wave = (1...20).reduce(0.0) { $0 + sin(2 * .pi * 140 * Double($1) * time) / Double($1) }
      return Float(0.2 * envelope * wave)
    }
  }

  @Test("As many samples come out, in step with those that went in", arguments: [0.01, 0.73, 3.2])
  func length(seconds: Double) throws {
    let samples = buzz(seconds: seconds)
    for channel in OpusChannel.baselines {
      let result = try channel.send(samples)
      #expect(result.samples.count == samples.count)
      let isFinite = result.samples.allSatisfy { $0.isFinite }
      #expect(isFinite)
      let step = Double(channel.frameMilliseconds) / 1_000
      #expect(Double(result.frames) * step >= seconds)
      #expect(Double(result.frames) * step < seconds + 2 * step)
    }
    // In step: the best lag between what went in and what came out is within a millisecond.
    guard seconds > 1 else { return }
    let out = try OpusChannel(bitsPerSecond: 24_000).send(samples).samples
    func correlation(_ lag: Int) -> Float {
      (1_000..<40_000).reduce(0) { $0 + samples[$1] * out[$1 + lag] }
    }
    let best = (-60...60).max { correlation($0) < correlation($1) }
    #expect(abs(best ?? 60) <= 16)
  }

  @Test("Bytes follow the target, and are those of frames with their lengths")
  func bytes() throws {
    let samples = buzz(seconds: 8)
    let sizes = try OpusChannel.baselines.map { try $0.send(samples) }
    #expect(sizes.map(\.bytes) == sizes.map(\.bytes).sorted())
    for (channel, result) in zip(OpusChannel.baselines, sizes) {
      let bare = Double(result.bytes - 2 * result.frames) * 8 / 8
      let target = Double(channel.bitsPerSecond)
      #expect(bare > 0.5 * target && bare < 1.3 * target, "\(channel.name): \(bare) bit/s")
    }
    #expect(OpusChannel.baselines.map(\.name) == ["opus-6", "opus-12", "opus-24"])
    #expect(OpusChannel.baselines.map(\.frameMilliseconds) == [60, 20, 20])
  }

  @Test("What libopus refuses is named")
  func refused() {
    #expect(throws: OpusError.self) {
      try OpusChannel(bitsPerSecond: -7_000).send([0, 0, 0])
    }
    #expect(OpusError(doing: "encode", code: -1).description.contains("encode"))
  }
}
