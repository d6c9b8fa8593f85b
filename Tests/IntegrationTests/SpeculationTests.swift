import Foundation
import Offload
import Testing

@testable import TandemDevice
@testable import TandemEdge

@Suite("Features that leave while the user speaks", .timeLimit(.minutes(5)))
struct SpeculationTests {
  private let samples = Sound.bursts(seconds: 3)

  /// Offloads while it is asked about what was heard, and stops at the first exit in the end.
  private struct Fickle: Policy {
    let name = "fickle"
    func decide(_ evidence: Evidence) -> Decision {
      let offload = Action.offload(splitLayer: 0, codec: 0, packetDuration: 0.32)
      let action: Action =
        evidence.isSpeaking
        ? offload : evidence.exits.last.map { .stop(exit: $0.exit) } ?? .nextExit
      let cost = PredictedCost(
        latency: 0, energy: 0, bytes: 0, serverSeconds: 0, expectedErrors: nil, errorTotal: 0,
        total: 0)
      return Decision(
        policy: name, action: action, reason: .policyFixed,
        predictions: [.init(action: action, cost: cost)], evidence: evidence)
    }
  }

  private func configuration(
    _ mode: SpeculationSettings.Mode = .likely
  ) -> DeviceRecognizer.Configuration {
    var configuration = DeviceRecognizer.Configuration()
    configuration.deadline = 60
    configuration.codec = 0
    configuration.speculation = SpeculationSettings(mode: mode)
    return configuration
  }

  /// An edge that bears a device which gets no processor for a while, as when all tests run at once.
  private func edge() throws -> EdgeServer.Configuration {
    var configuration = try TestEdge.configuration()
    configuration.streamIdle = .seconds(120)
    return configuration
  }

  private func localText() async throws -> String {
    try await TestEdge.device(nil, policy: "always-local").recognize(samples).text
  }

  /// Speaks all of it, and waits until some of it is at the edge.
  private func speak(_ utterance: StreamingUtterance, seed: UInt64 = 1) async throws {
    try await StreamingTests.speak(samples, to: utterance, seed: seed, upTo: 4_000)
    try await TestEdge.eventually("packets are acknowledged") {
      await (utterance.machinery.attempt?.progress.acknowledgedFrames ?? 0) > 0
    }
  }

  @Test("It becomes the offload, and the transcript is the same as without")
  func kept() async throws {
    try await TestEdge.run(try edge()) { server in
      let link = try TestEdge.link(port: server.port)
      _ = try await link.describe()
      let whole = try await TestEdge.device(link).recognize(samples)
      #expect(whole.origin == .edge)
      for mode in [SpeculationSettings.Mode.likely, .off] {
        for seed in 1...3 as ClosedRange<UInt64> {
          let device = try TestEdge.device(link) { $0.speculation.mode = mode }
          let utterance = await device.begin()
          if mode == .likely {
            try await speak(utterance, seed: seed)
          } else {
            try await StreamingTests.speak(samples, to: utterance, seed: seed)
          }
          let recognition = try await utterance.finish()
          #expect(recognition.text == whole.text)
          #expect(recognition.origin == .edge, "\(recognition.reason)")
          #expect(
            recognition.decisions.last?.action
              == .offload(splitLayer: 0, codec: 0, packetDuration: 0.32))
          let ahead = recognition.speculation
          guard mode == .likely else {
            #expect(ahead == nil)
            continue
          }
          #expect(ahead?.outcome == .kept)
          #expect((ahead?.bytesAhead ?? 0) > 8 * 48)
          #expect(recognition.bytesSent > ahead?.bytesAhead ?? .max)
          #expect(recognition.reason.contains("sent ahead"))
          // The decision knew of it, and of nothing else that could be offloaded.
          let context = try #require(recognition.decisions.last?.context)
          #expect((context.streamed?.sent?.frames ?? 0) >= 8)
          #expect(context.options.splitLayers == [0])
        }
      }
      // The edge counts once its last word has left.
      try await TestEdge.eventually("all are counted") {
        server.counts == UtteranceCounts(answered: 7)
      }
      await link.close()
    }
  }

  @Test("A policy that stops withdraws it, and the edge keeps nothing of it")
  func withdrawn() async throws {
    var edge = try edge()
    edge.maximumStreams = 1
    let log = LogCapture()
    try await TestEdge.run(edge, log: log) { server in
      let link = try TestEdge.link(port: server.port)
      _ = try await link.describe()
      let device = DeviceRecognizer(
        model: try TestEdge.model(), policy: Fickle(), link: link, configuration: configuration(),
        log: LogCapture().logger)
      for count in 1...3 {
        let utterance = await device.begin()
        try await speak(utterance)
        let recognition = try await utterance.finish()
        #expect(recognition.origin == .exit(1))
        #expect(recognition.failure == nil)
        #expect(recognition.speculation?.outcome == .withdrawn)
        #expect(recognition.bytesSent > 8 * 48)
        // In vain, and paid for.
        #expect(recognition.actualCost.bytes >= Double(recognition.speculation?.bytesAhead ?? .max))
        try await TestEdge.eventually("the edge has seen it end") {
          server.counts.withdrawn == count
        }
        // The call was cancelled, not the connection closed.
        #expect(link.linkEstimate.connectivity == .connected)
      }
      // Its only stream is free again.
      #expect(server.counts == UtteranceCounts(answered: 0, refused: 0, withdrawn: 3, failed: 0))
      let after = try await TestEdge.device(link).recognize(samples)
      #expect(after.origin == .edge, "\(after.reason)")
      #expect(log.lines.contains { $0.contains("utterance withdrawn") })
      #expect(!log.lines.contains { $0.contains("refused") })
      await link.close()
    }
  }

  @Test("An utterance that is given up, or let go, is withdrawn")
  func givenUp() async throws {
    try await TestEdge.run(try edge()) { server in
      let link = try TestEdge.link(port: server.port)
      _ = try await link.describe()
      let device = try TestEdge.device(link) { $0.speculation.mode = .likely }
      do {
        let utterance = await device.begin()
        try await speak(utterance)
        await utterance.cancel()
        #expect(await utterance.speculationPhase != .watching)
      }
      try await TestEdge.eventually("the first is withdrawn") { server.counts.withdrawn == 1 }
      do {
        let utterance = await device.begin()
        try await speak(utterance)
      }
      try await TestEdge.eventually("the second is withdrawn") { server.counts.withdrawn == 2 }
      #expect(server.counts == UtteranceCounts(answered: 0, refused: 0, withdrawn: 2, failed: 0))
      await link.close()
    }
  }

  @Test("An edge that dies while the user speaks costs no transcript")
  func edgeDies() async throws {
    let half = samples.count / 2
    let (link, utterance) = try await TestEdge.run(try edge()) { server in
      let link = try TestEdge.link(port: server.port)
      _ = try await link.describe()
      let device = try TestEdge.device(link) { $0.speculation.mode = .likely }
      let utterance = await device.begin()
      try await StreamingTests.speak(
        Array(samples.prefix(half)), to: utterance, seed: 1, upTo: 4_000)
      try await TestEdge.eventually("packets are acknowledged") {
        await (utterance.machinery.attempt?.progress.acknowledgedFrames ?? 0) > 0
      }
      return (link, utterance)
    }
    try await TestEdge.eventually("the device knows") {
      await utterance.machinery.attempt?.failure != nil
    }
    try await utterance.append(Array(samples.dropFirst(half)))
    let recognition = try await utterance.finish()
    #expect(recognition.origin == .exit(2), "\(recognition.reason)")
    #expect(recognition.text == (try await localText()))
    #expect(recognition.speculation?.outcome == .lost)
    await link.close()
  }

  @Test("An edge that refuses costs the bytes, and the utterance is decided as ever")
  func refused() async throws {
    try await TestEdge.run(try edge()) { server in
      let link = try TestEdge.link(port: server.port)
      _ = try await link.describe()
      // Another model: refused, whatever the machine's speed.
      let device = try TestEdge.device(link, model: "subwords") { $0.speculation.mode = .likely }
      let utterance = await device.begin()
      try await StreamingTests.speak(samples, to: utterance, seed: 1, upTo: 4_000)
      try await TestEdge.eventually("it is refused") {
        await utterance.machinery.attempt?.failure != nil
      }
      let recognition = try await utterance.finish()
      #expect(recognition.speculation?.outcome == .lost)
      guard case .refused? = recognition.failure, case .exit = recognition.origin else {
        Issue.record("not refused: \(recognition.reason)")
        return
      }
      await link.close()
    }
  }

  /// Exits that are nearly always wrong, and an edge that is nearly always right.
  private static let calibration = Calibration(
    entries: [(1, 1), (2, 3)].map { exit, block in
      CalibrationEntry(
        exit: exit, afterBlock: block, criterion: .sentencePosterior, threshold: nil,
        errorRate: ErrorRateCurve(steps: [.init(limit: 0, errorRate: 0.9)]),
        nextExitErrorRate: exit == 1
          ? ErrorRateCurve(steps: [.init(limit: 0, errorRate: 0.9)]) : .empty,
        edgeErrorRate: ErrorRateCurve(steps: [.init(limit: 0, errorRate: 0.05)]))
    })

  @Test(
    "A budget that cannot bear the longest utterance refuses; the offload at the end may still fit")
  func budget() async throws {
    try await TestEdge.run(try edge()) { server in
      let link = try TestEdge.link(port: server.port)
      _ = try await link.describe()
      let configuration = configuration()
      // 750 frames of 16 bytes, framing, answers, and a quarter more: 27,500 bytes.
      for (megabytes, phase, origin) in [
        (0.000_1, "refused", Origin.exit(2)), (0.02, "refused", .edge), (0.5, "kept", .edge),
      ] {
        let policy = BudgetPolicy(
          PolicySettings(
            costs: CostPredictor(
              model: configuration.costs, deviceClass: configuration.deviceClass),
            calibration: Self.calibration, criterion: .sentencePosterior, codec: 0,
            budget: Budget(resource: .megabytes, perDay: megabytes),
            dampedChoice: .none))
        let device = DeviceRecognizer(
          model: try TestEdge.model(), policy: policy, link: link, configuration: configuration,
          log: LogCapture().logger)
        let utterance = await device.begin()
        if phase == "kept" {
          try await speak(utterance)
        } else {
          try await StreamingTests.speak(samples, to: utterance, seed: 1, upTo: 4_000)
          #expect(await utterance.machinery.attempt == nil)
        }
        let recognition = try await utterance.finish()
        #expect(recognition.origin == origin, "\(megabytes): \(recognition.reason)")
        #expect(recognition.speculation?.outcome == (phase == "kept" ? .kept : nil))
        let ledger = policy.state.ledger
        if origin == .edge { #expect(ledger.overruns == 0) }
        #expect(
          abs(ledger.spent - Double(recognition.bytesSent + recognition.bytesReceived) * 1e-6)
            < 1e-9)
        #expect(ledger.spent <= megabytes)
      }
      await link.close()
    }
  }

  @Test("A budget's grant that does not last ends the stream, and the device answers")
  func grantTooSmall() async throws {
    /// Grants next to nothing.
    struct Miser: LearningPolicy {
      let base: AlwaysEdgePolicy
      let name = "miser"
      func decide(_ evidence: Evidence) -> Decision { base.decide(evidence) }
      func begin(_ decision: Decision, utterance: UInt64, at time: Double) -> Permission {
        decision.action.isOffload ? .granted(bytes: 900) : .granted(bytes: nil)
      }
      func observe(_ outcome: Outcome) {}
    }
    try await TestEdge.run(try edge()) { server in
      let link = try TestEdge.link(port: server.port)
      _ = try await link.describe()
      let configuration = configuration()
      let device = DeviceRecognizer(
        model: try TestEdge.model(),
        policy: Miser(
          base: AlwaysEdgePolicy(
            PolicySettings(
              costs: CostPredictor(
                model: configuration.costs, deviceClass: configuration.deviceClass),
              calibration: .empty, codec: 0))), link: link, configuration: configuration,
        log: LogCapture().logger)
      let utterance = await device.begin()
      try await StreamingTests.speak(samples, to: utterance, seed: 1, upTo: 4_000)
      try await TestEdge.eventually("the grant is spent") {
        await utterance.machinery.attempt?.failure != nil
      }
      let failure = await utterance.machinery.attempt?.failure
      #expect(failure == .budget(granted: 900))
      let recognition = try await utterance.finish()
      #expect(recognition.origin == .exit(2), "\(recognition.reason)")
      #expect(recognition.speculation?.outcome == .lost)
      await link.close()
    }
  }
}
