import FeatureCodec
import Foundation
import Offload
import Testing

@testable import TandemDevice
@testable import TandemEdge

@Suite("An utterance that is handed over while it is spoken", .timeLimit(.minutes(5)))
struct StreamingTests {
  /// Hands over `samples` in pieces of random sizes.
  static func speak(
    _ samples: [Float], to utterance: StreamingUtterance, seed: UInt64, upTo longest: Int = 9_000
  ) async throws {
    var random = SeededGenerator(seed)
    var spoken = 0
    while spoken < samples.count {
      let end = min(samples.count, spoken + Int.random(in: 1...longest, using: &random))
      try await utterance.append(Array(samples[spoken..<end]))
      spoken = end
    }
  }

  @Test("However the samples come, transcript, evidence and decisions are those of the whole")
  func streamedEqualsWhole() async throws {
    let device = try TestEdge.device(nil, policy: "confidence")
    for seed in 1...6 as ClosedRange<UInt64> {
      let samples = Sound.bursts(seconds: 0.3 + 0.7 * Double(seed), seed: seed)
      let whole = try await device.recognize(samples)
      let utterance = await device.begin()
      try await Self.speak(samples, to: utterance, seed: seed, upTo: seed == 6 ? 300 : 20_000)
      let streamed = try await utterance.finish()
      #expect(!whole.text.isEmpty)
      #expect(streamed.text == whole.text)
      #expect(streamed.origin == whole.origin)
      #expect(streamed.exits == whole.exits)
      #expect(streamed.decisions.map(\.action) == whole.decisions.map(\.action))
      #expect(streamed.utteranceSeconds == whole.utteranceSeconds)
      #expect(streamed.speculation == nil)
      #expect(streamed.bytesSent == 0)
      #expect(whole.decisions.last?.context?.streamed == nil)
      #expect(streamed.decisions.last?.context?.streamed?.isSpeaking == false)
    }
  }

  @Test("What is computed while the user speaks is as deep as the policy goes")
  func depth() async throws {
    let utterance = try await TestEdge.device(nil, policy: "always-local").begin()
    try await Self.speak(Sound.bursts(seconds: 3), to: utterance, seed: 1, upTo: 4_000)
    // The tiny model's three blocks are nothing to any machine that runs this.
    #expect(await utterance.machinery.pass.depth == 3)
    let recognition = try await utterance.finish()
    #expect(recognition.decisions.last?.context?.streamed?.blocksDone == 3)
    // Of 75 frames and the tail of silence only what two intervals and a chunk hold can be left.
    let left = try #require(recognition.decisions.first?.context?.streamed?.framesLeft)
    #expect(left.count == 3 && left.allSatisfy { $0 < 40 })
  }

  @Test("Bad samples are refused by name, and the utterance goes on without them")
  func badSamples() async throws {
    let device = try TestEdge.device(nil, policy: "always-local") { $0.maximumUtteranceSeconds = 2 }
    let samples = Sound.bursts(seconds: 1)
    let whole = try await device.recognize(samples)
    let utterance = await device.begin()
    try await utterance.append(Array(samples.prefix(5_000)))
    await #expect(throws: RecognitionError.nonFinite(sample: 5_001)) {
      try await utterance.append([0, .nan])
    }
    await #expect(throws: RecognitionError.tooLong(seconds: 2.3125, limit: 2)) {
      try await utterance.append(Sound.bursts(seconds: 2))
    }
    try await utterance.append([])
    try await utterance.append(Array(samples.dropFirst(5_000)))
    #expect(try await utterance.finish().text == whole.text)
    await #expect(throws: RecognitionError.over) { try await utterance.append(samples) }
    await #expect(throws: RecognitionError.over) { _ = try await utterance.finish() }
    let empty = await device.begin()
    await #expect(throws: RecognitionError.noSamples) { _ = try await empty.finish() }
    await #expect(throws: RecognitionError.over) { _ = try await empty.finish() }
    let given = await device.begin()
    try await given.append(samples)
    await given.cancel()
    await given.cancel()
    await #expect(throws: RecognitionError.over) { _ = try await given.finish() }
    for error in [RecognitionError.over, .overlapping] { #expect("\(error)".contains("utterance")) }
  }

  @Test("Calls that overlap are refused, or come one after the other; nothing is lost")
  func overlapping() async throws {
    let device = try TestEdge.device(nil, policy: "always-local")
    let samples = Sound.bursts(seconds: 1)
    let utterance = await device.begin()
    let taken = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<20 {
        group.addTask {
          do {
            try await utterance.append(samples)
            return samples.count
          } catch RecognitionError.overlapping {
            return 0
          }
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(taken >= samples.count)
    #expect(try await utterance.finish().utteranceSeconds == Double(taken) / 16_000)
  }

  @Test("A local answer keeps the deadline: the deepest exit that is there")
  func localDeadline() async throws {
    let samples = Sound.bursts(seconds: 1)
    let device = try TestEdge.device(nil, policy: "always-local") { $0.deadline = 0.000_001 }
    for isStreamed in [false, true] {
      let recognition: Recognition
      if isStreamed {
        let utterance = await device.begin()
        try await utterance.append(samples)
        recognition = try await utterance.finish()
      } else {
        recognition = try await device.recognize(samples)
      }
      // Late is better than nothing, and the first exit is the first there is.
      #expect(recognition.origin == .exit(1))
      #expect(recognition.decisions.last?.action == .stop(exit: 1))
      #expect(recognition.decisions.last?.reason == .deadlinePassed)
      #expect(recognition.reason.contains("deadline"))
      #expect(DecisionChain(recognition.decisions).propensity == 1)
    }
  }

  @Test("What the hedge computed while the edge was asked is in the cost")
  func hedgeIsCounted() async throws {
    try await TestEdge.run { server in
      let device = try TestEdge.device(try TestEdge.link(port: server.port))
      let samples = Sound.bursts(seconds: 1)
      // The tiny model is mostly done before the edge has answered, but nobody promises that.
      try await TestEdge.eventually("the hedge is faster than the edge") {
        let recognition = try await device.recognize(samples)
        guard recognition.origin == .edge, recognition.exits.count == 2 else { return false }
        #expect(recognition.decisions.count == 1)
        let all = MeasuredUse(
          latency: 0, blocksDone: 3, exitsDone: 2, bytesSent: recognition.bytesSent,
          bytesReceived: recognition.bytesReceived, transferSeconds: recognition.transferSeconds)
        let expected = CostPredictor(model: .standard, deviceClass: .laptop).actualCost(
          all, model: ModelShape(device.model), utteranceSeconds: 1)
        #expect(abs(recognition.actualCost.energy - expected.energy) < 1e-12)
        return true
      }
      await device.close()
    }
  }

  @Test("The packets of a stream do not depend on how its features come")
  func packets() throws {
    var random = SeededGenerator(3)
    for codec in [0, 1] {
      let request = try TestUtterance.request(seconds: 3, codec: codec)
      let whole = try UtterancePackets(request).all
      for _ in 0..<20 {
        var stream = try PacketStream(request.header)
        var packets = [stream.start]
        var frames = request.features[...]
        while !frames.isEmpty {
          let count = min(frames.count, Int.random(in: 0...30, using: &random) * request.dimension)
          packets += try stream.append(Array(frames.prefix(count)))
          frames = frames.dropFirst(count)
        }
        packets += try stream.finish()
        #expect(packets == whole)
      }
      var stream = try PacketStream(request.header)
      _ = try stream.append(request.features)
      guard case .end(let end)? = try stream.finish(deadline: 1.5).last?.kind else {
        Issue.record("a stream without End")
        return
      }
      #expect(end.deadlineMilliseconds == 1_500)
    }
  }
}
