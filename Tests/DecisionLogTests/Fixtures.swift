import DecisionLog
import Foundation
import Offload

/// A folder that vanishes with the test.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "tandem-log-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { path + "/" + name }
}

enum Fixtures {
  static let shape = ModelShape(
    exits: [.init(exit: 1, afterBlock: 2), .init(exit: 2, afterBlock: 4)], framesPerSecond: 25,
    frontEndOperations: 1e6, blockOperations: [1e6, 1e6, 1e6, 1e6], exitOperations: 1e5,
    secondPassOperations: 3e6)

  /// A record that offloaded, with a real policy's decisions.
  static func record(
    _ id: String, origin: DecisionRecord.Origin = .edge, fallback: FallbackReason? = nil,
    entropy: Double = 0.5, answer: Double = 0.25, startTime: Double = 1_700_000_000,
    transcript: String? = nil
  ) -> DecisionRecord {
    let costs = CostPredictor(model: .standard, deviceClass: .phone)
    let policy = ConfidencePolicy(
      PolicySettings(
        costs: costs,
        calibration: Calibration(entries: [
          CalibrationEntry(exit: 1, afterBlock: 2, criterion: .frameEntropy, threshold: 0.2),
          CalibrationEntry(exit: 2, afterBlock: 4, criterion: .frameEntropy, threshold: 0.2),
        ])))
    var exits: [ExitEvidence] = []
    var decisions: [Decision] = []
    let link = LinkEstimate(
      connectivity: .connected,
      bandwidth: Percentiles(tenth: 1e6, median: 2e6, ninetieth: 3e6),
      roundTrip: Percentiles(tenth: 0.01, median: 0.02, ninetieth: 0.03), sampleCount: 9, age: 0.5)
    for number in 0...2 {
      if number > 0 {
        exits.append(
          ExitEvidence(
            exit: number, afterBlock: 2 * number, frameEntropy: entropy, sentencePosterior: 0.8,
            tokenCount: 12, frameCount: 75))
      }
      let decision = policy.decide(
        Evidence(
          model: shape, exits: exits, utteranceSeconds: 3, deadlineRemaining: 2, link: link,
          options: OffloadOptions(
            splitLayers: [0, 2, 4], rates: [FeatureRate(codec: 1, bytesPerFrame: 148)],
            packetDurations: [0.32])))
      decisions.append(decision)
      if decision.action != .nextExit { break }
    }
    return DecisionRecord(
      id: id, startTime: Date(timeIntervalSince1970: startTime), durationSeconds: 3,
      signalToNoise: 21.5, exits: exits, link: link, edge: .unknown, decisions: decisions,
      policy: policy.name, bytesSent: 12_000, bytesReceived: 500,
      times: MeasuredTimes(answer: answer, deviceCompute: 0.1, transfer: 0.05),
      actualCost: costs.actualCost(
        MeasuredUse(
          latency: answer, blocksDone: 4, exitsDone: 2, bytesSent: 12_000, bytesReceived: 500,
          transferSeconds: 0.05), model: shape, utteranceSeconds: 3),
      origin: origin, fallbackReason: fallback,
      modelFingerprint: String(repeating: "ab", count: 32), deviceClass: .phone,
      transcript: transcript)
  }
}
